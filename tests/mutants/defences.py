# ruff: noqa: E501  # a line of the package is as long as it is there, and is indented here besides
"""Every defence that `make mutants` takes out, and the tests that must notice.

A text stands exactly once in its file; a test of `make test` sees to that. To add a defence, add an entry.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFENCES", "Defence"]

ATTACKS = "tests/protocol/test_threats_"
UNIT = "tests/unit/test_"


@dataclass(frozen=True, slots=True)
class Defence:
    """What protects: in a file of the package, each text of `edits` is replaced by the second one to take it out.

    tests: what pytest is told, a path and a choice of names.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    def taken_out(self, source: str) -> str:
        """The file without the defence. Raises ValueError where a text does not stand there exactly once."""
        for text, without in self.edits:
            if source.count(text) != 1:
                raise ValueError(f"{self.file}: this stands there {source.count(text)} times: {text!r}")
            source = source.replace(text, without)
        return source


def defence(name: str, file: str, tests: str, names: str, *edits: tuple[str, str]) -> Defence:
    chosen = ("-k", names) if names else ()
    return Defence(name, f"asok/{file}.py", edits, (f"{tests}.py", *chosen))


DEFENCES = (
    defence(
        "a token belongs to its session",
        "conversation",
        ATTACKS + "tokens",
        "t09",
        ("if not self._engine.bound(token, definition, self.session_id):", "if False:"),
    ),
    defence(
        "the mac covers the instance that a token is sent for",
        "state",
        ATTACKS + "identity",
        "t03",
        (
            'return self._signers[key_id].sign(f"{instance}.{key_id}.{payload}").decode()',
            'return f"{instance}.{key_id}." + self._signers[key_id].sign(payload).decode()',
        ),
        ("self._signers[parts[1]].get_signature(value)", "self._signers[parts[1]].get_signature(parts[2])"),
        ("if token.instance != instance_of(text) or token.issued", "if token.issued"),
    ),
    defence(
        "the mac is compared",
        "state",
        ATTACKS + "tokens",
        "t07",
        (
            '        if not matches:\n            raise TokenError("the signature does not match")',
            '        if False:\n            raise TokenError("the signature does not match")',
        ),
    ),
    defence(
        "each purpose has a key of its own",
        "state",
        ATTACKS + "tokens",
        "t07",
        ('b"asok " + purpose.encode()', 'b"asok "'),
    ),
    defence(
        "a token of another schema is migrated or reset",
        "reviving",
        UNIT + "live",
        "release or schema or migrate",
        ("if schema == fields.schema:", "if True:"),
    ),
    defence(
        "a token of the future is refused",
        "state",
        ATTACKS + "wire",
        "t35",
        ("token.issued > now + CLOCK_SKEW", "False"),
    ),
    defence(
        "a token has an age and a life",
        "state",
        ATTACKS + "wire",
        "t35",
        ("if token.issued < now - limits.token_age or token.born < now - limits.token_lifetime:", "if False:"),
    ),
    defence(
        "a weak key does not start production",
        "settings",
        ATTACKS + "tokens",
        "t08",
        ("if len(key.encode()) < KEY_BYTES or len(set(key)) < 10:", "if False:"),
    ),
    defence(
        "the development key stays on this machine",
        "server",
        ATTACKS + "tokens",
        "t08",
        ("if not settings.debug or (is_loopback(serving.host) and serving.workers == 1):", "if True:"),
    ),
    defence(
        "only what is exposed is called",
        "acting",
        ATTACKS + "identity",
        "t05",
        (
            "definition.exposed.get(call.method)",
            'definition.exposed.get(call.method) or Exposed(call.method, getattr(definition.cls, call.method, None), "sync", None, ())',
        ),
    ),
    defence(
        "arguments have the annotated types",
        "calls",
        ATTACKS + "values",
        "t28",
        ("converted = msgspec.convert(value, parameter.type, strict=strict)", "converted = value"),
    ),
    defence(
        "numbers of calls are exact",
        "calls",
        ATTACKS + "values",
        "t29",
        (
            "    found = inexact(value)\n    if found is not None:\n        raise BadArguments(method",
            "    found = inexact(value)\n    if False:\n        raise BadArguments(method",
        ),
    ),
    defence(
        "numbers of messages are exact",
        "protocol",
        ATTACKS + "values",
        "t29",
        (
            "        if found is not None:\n            raise ProtocolError",
            "        if False:\n            raise ProtocolError",
        ),
    ),
    defence(
        "only bound fields are set",
        "acting",
        ATTACKS + "identity",
        "t06",
        ("if name not in definition.fields.bound:", "if name not in definition.fields.by_name:"),
    ),
    defence(
        "no NUL comes in",
        "entered",
        ATTACKS + "values",
        "t31",
        ('            return "\\x00" in value', "            return False"),
    ),
    defence(
        "an event that is applied is not run again",
        "live",
        ATTACKS + "tokens",
        "t10 or t11",
        (
            "if event is not None and unit.record is not None and event.seq <= unit.applied(self.screen.tab):",
            "if False:",
        ),
    ),
    defence(
        "an event out of turn waits", "conversation", ATTACKS + "wire", "t33", ("event.seq > line.expected", "False")
    ),
    defence(
        "a commit holds for the record that was read",
        "committing",
        "tests/faults/test_model",
        "memory",
        ("(owner, name): unit.version}", "}"),
    ),
    defence(
        "a commit holds for the session that was read",
        "committing",
        ATTACKS + "stores",
        "t36",
        ("{**session.checks(owner), (owner", "{(owner"),
    ),
    defence(
        "SQLite compares versions",
        "backends/sqlite",
        UNIT + "backends",
        "",
        (
            "        if version != (found[0] if found else 0):\n            return False",
            "        if False:\n            return False",
        ),
    ),
    defence(
        "a copy of a cell is void when another process has written",
        "backends/copies",
        UNIT + "copies",
        "",
        ("        if version == self._version:", "        if version or not version:"),
    ),
    defence(
        "memory compares versions",
        "backends/memory",
        UNIT + "backends",
        "",
        ("if any(self._version(key) != version for key, version in commit.checks.items()):", "if False:"),
    ),
    defence(
        "Redis compares versions",
        "backends/redis_scripts",
        UNIT + "backends",
        "redis",
        ("if real ~= expected then return 0 end", ""),
    ),
    defence(
        "Redis remembers the commits that it has done",
        "backends/redis_scripts",
        UNIT + "backends_redis",
        "",
        ("if redis.call('EXISTS', done) == 1 then return 1 end", ""),
    ),
    defence(
        "what was evicted is not new again",
        "opening",
        ATTACKS + "excess",
        "t48",
        ("if token.version or token.born < session.meta.watermark:", "if False:"),
    ),
    defence(
        "an eviction raises the watermark",
        "sessions",
        UNIT + "live",
        "evict or room or record",
        ("watermark=max(meta.watermark, born + 1)", "watermark=meta.watermark"),
    ),
    defence("a poison event is parked", "trials", UNIT + "trials", "", ("else Found.KILLS", "else Found.NOTHING")),
    defence(
        "an event that runs again is noted before",
        "trials",
        UNIT + "trials",
        "",
        ("if not await self._write(cell, notes, parked=parks):", "if False:"),
    ),
    defence(
        "the origin is the app's own",
        "origins",
        ATTACKS + "origin",
        "t14",
        ("    return origin == own or origin in [_origin(each) for each in settings.origins]", "    return True"),
    ),
    defence(
        "the host is one of the app's",
        "app",
        ATTACKS + "origin",
        "t26",
        ("if not host_allowed(host, self.settings):", "if False:"),
    ),
    defence(
        "the first join brings the CSRF token",
        "conversation",
        ATTACKS + "origin",
        "t14",
        ('if self.session_id and not self._engine.ring.matches("csrf", self.session_id, csrf):', "if False:"),
    ),
    defence(
        "a form brings the CSRF token",
        "form_http",
        ATTACKS + "origin",
        "t15",
        ("if not matches and (token.binding or csrf):", "if False:"),
    ),
    defence(
        "a form is sent by a page of this site",
        "form_http",
        ATTACKS + "origin",
        "t15",
        ('if site != "same-origin" or not allowed_origin(request.scope, self._engine.settings):', "if False:"),
    ),
    defence(
        "a write over HTTP brings the CSRF token",
        "store_http",
        ATTACKS + "origin",
        "t15",
        ('if not self._engine.ring.matches("csrf", session.id, headers.get("x-csrf-token", "")):', "if False:"),
    ),
    defence(
        "a post comes from a page of this site",
        "posting",
        ATTACKS + "origin",
        "t15",
        (
            'if self._connections.is_foreign(scope) or set(headers.getlist("sec-fetch-site")) - {"same-origin"}:',
            "if False:",
        ),
    ),
    defence(
        "a post is JSON and nothing else",
        "posting",
        ATTACKS + "origin",
        "t15",
        ('if headers.getlist("content-type") != [JSON]:', "if False:"),
    ),
    defence(
        "a line belongs to its session",
        "posted",
        ATTACKS + "origin",
        "t15",
        ('made = any(self._ring.matches("line", f"{owner} {place}", mac) for owner in owners)', "made = True"),
    ),
    defence(
        "an unknown session id is not adopted",
        "sessions",
        ATTACKS + "origin",
        "t16",
        (
            "return Session(session_id, cells[META], cells) if META in cells else None",
            "return Session(session_id, cells.get(META), cells)",
        ),
    ),
    defence(
        "scripts cannot read the cookie",
        "middleware",
        ATTACKS + "origin",
        "t16",
        ('"HttpOnly; SameSite=Lax"', '"SameSite=Lax"'),
    ),
    defence(
        "nobody keeps a live page",
        "middleware",
        ATTACKS + "origin",
        "t37",
        ('b"cache-control", b"no-store"', 'b"cache-control", b"max-age=60"'),
    ),
    defence(
        "no other site frames a live page",
        "middleware",
        ATTACKS + "leaks",
        "t56",
        ("kept.append(FRAMING)", "pass"),
    ),
    defence(
        "forwarded headers are those of named proxies",
        "server",
        UNIT + "supervisor",
        "t27",
        ("proxy_headers=bool(serving.trusted_proxies)", "proxy_headers=True"),
        ("forwarded_allow_ips=serving.trusted_proxies", 'forwarded_allow_ips="*"'),
    ),
    defence(
        "a page asks its guard",
        "app",
        ATTACKS + "guards",
        "t12",
        ("if guard is not None and await hook(guard(request, session_of(request))) is False:", "if False:"),
    ),
    defence(
        "a join and an event ask the guards",
        "opening",
        ATTACKS + "guards",
        "t12 or t13",
        ('if "guard" in definition.overrides or token.mount.route in self.engine.guards:', "if False:"),
    ),
    defence(
        "a component asks its guard when it is mounted",
        "mounting",
        ATTACKS + "guards",
        "t12",
        ("await self.admit(component, place)", "pass"),
    ),
    defence(
        "an event reads the session anew",
        "opening",
        ATTACKS + "guards",
        "t12",
        (
            'cells = await self.engine.backend.read(self.owner, [META, name, slot], "session/") if self.owner else {}',
            'read, known = self.engine.backend.read, self.__dict__\n        kept = known["kept"] = known.get("kept") or await read(self.owner, [META], "session/")\n        cells = {**kept, **await read(self.owner, [name, slot])}',
        ),
    ),
    defence(
        "who has logged out loses the connections",
        "connections",
        ATTACKS + "guards",
        "t12",
        ('session.outbox.close(CLOSE.SESSION, "the session has ended")', "pass"),
    ),
    defence(
        "a gap of the bus puts sessions in doubt",
        "connections",
        UNIT + "workers_on_redis",
        "logout",
        (
            "                    if not await self.engine.backend.read(owner, [META]):\n                        self.kick(owner)",
            "                    pass",
        ),
    ),
    defence(
        "a browser writes where a rule allows it",
        "browsing",
        ATTACKS + "stores",
        "t17",
        ("        tree.rules.permit(given)\n", "        pass\n"),
        ("        tree.rules.check(given, old, tree.tree(work), session)", "        pass"),
    ),
    defence(
        "a rule judges the value",
        "access",
        ATTACKS + "stores",
        "t17",
        (
            "        if problem:\n            raise ValueRefused(problem, change.path, change.store)",
            "        if False:\n            raise ValueRefused(problem, change.path, change.store)",
        ),
    ),
    defence(
        "a browser reads what a rule allows",
        "access",
        ATTACKS + "stores",
        "t17",
        (
            "        return self.may_read(path) or any(pattern.is_below(path) for pattern in self._readable)",
            "        return True",
        ),
    ),
    defence(
        "only the readable part is told",
        "access",
        ATTACKS + "stores",
        "t17",
        ("        if self.may_read(path):\n            return value\n", "        return value\n"),
    ),
    defence(
        "a grant is for one write of one session",
        "grants",
        UNIT + "traffic",
        "grant",
        ('return ring.matches("write", _written(session, *write), grant, size=MAC)', "return True"),
    ),
    defence(
        "a region is followed by its signed key",
        "traffic",
        UNIT + "traffic",
        "region or keys or signed",
        ("if not may_follow(self._engine.ring, tree.owner, key):", "if False:"),
    ),
    defence(
        "a person's data end with the login",
        "traffic",
        UNIT + "traffic",
        "persons or signed or user",
        ("may = await self._still_may_read(news.tree)", "may = True"),
    ),
    defence(
        "names of JavaScript are no keys",
        "paths",
        ATTACKS + "leaks",
        "t25",
        ('return part in FORBIDDEN or (part.startswith("__") and part.endswith("__"))', "return False"),
    ),
    defence(
        "a gap is made good by reading again",
        "replicas",
        UNIT + "replicas",
        "lost_notice",
        ("self.bus.on_gap(self._catch_up)", "self.bus.on_gap(lambda: None)"),
    ),
    defence(
        "what comes over Redis has our MAC",
        "backends/redis_said",
        UNIT + "redis_said",
        "t55",
        ('if not any(self._ring.matches("bus", text, mac) for mac in sealed.macs[:MOST_MACS]):', "if False:"),
    ),
    defence(
        "what was said over Redis is not said again",
        "backends/redis_bus",
        UNIT + "redis_said",
        "t55",
        ("said.number <= self._last_of.get(said.by, 0)", "False"),
    ),
    defence(
        "templates escape",
        "rendering",
        ATTACKS + "markup",
        "t18",
        ("given.overlay(autoescape=True,", "given.overlay(autoescape=False,"),
    ),
    defence(
        "regions escape", "grants", ATTACKS + "markup", "t18", ("text_of(value), tag)", "Markup(text_of(value)), tag)")
    ),
    defence(
        "values in scripts are escaped",
        "grants",
        UNIT + "grants",
        "",
        ('for character in "\'<>&":', 'for character in "":'),
    ),
    defence(
        "a redirect stays on this site",
        "effects",
        ATTACKS + "markup",
        "t19",
        ("        if not is_site_path(path):", "        if False:"),
    ),
    defence(
        "a download comes from this site",
        "effects",
        ATTACKS + "markup",
        "t19",
        ("    if not is_site_path(source):", "    if False:"),
    ),
    defence(
        "a window opens on this site",
        "window",
        ATTACKS + "markup",
        "t19",
        ('if not (is_site_path(_text("open", path)) or _is_allowed(path, allow)):', "if False:"),
    ),
    defence(
        "a path of this site is no other's",
        "window",
        ATTACKS + "markup",
        "t19",
        ('re.compile(r"/(?!/)[^\\x00-\\x20\\\\]*")', 're.compile(r"/(?s:.)*")'),
    ),
    defence(
        "hidden files are not served",
        "project",
        ATTACKS + "files",
        "t23",
        ('if any(part.startswith(".") for part in Path(path).parts)', "if False"),
    ),
    defence(
        "a link on the disk leads nowhere",
        "statics",
        UNIT + "statics",
        "link_on_the_disk",
        ("if not stamp.path.resolve().is_relative_to(folder):", "if False:"),
    ),
    defence("a form takes no files", "form_http", ATTACKS + "files", "t24", ("max_files=0", "max_files=1000")),
    defence(
        "a form's body has an end",
        "form_http",
        ATTACKS + "files",
        "t50",
        ("        if len(body) > most:", "        if False:"),
    ),
    defence(
        "a post's body has an end",
        "posting",
        ATTACKS + "files",
        "t50",
        ("        if size > most:", "        if False:"),
    ),
    defence(
        "private fields stay on the server",
        "fields",
        ATTACKS + "leaks",
        "t22",
        ("[field for field in self.by_name.values() if not field.private]", "list(self.by_name.values())"),
    ),
    defence(
        "an answer in production has no words",
        "conversation",
        ATTACKS + "operations",
        "t52",
        ('error.code, str(error) if debug else "")', "error.code, str(error))"),
    ),
    defence(
        "what is for development is not there in production",
        "runtime",
        ATTACKS + "beside",
        "t58",
        ("if debug or path.name not in DEVELOPMENT", "if True"),
    ),
    defence("a line of the log is one", "journal", UNIT + "journal", "", (".translate(LINE_ENDS)", "")),
    defence(
        "JSON is not too deep",
        "shape",
        ATTACKS + "values",
        "t28 or t30",
        ("if opened > limits.json_depth and depth(frame) > limits.json_depth:", "if False:"),
    ),
    defence(
        "JSON has not too many values",
        "shape",
        ATTACKS + "values",
        "t30",
        (
            'if opened + frame.count(",") > limits.json_nodes and "," in frame and nodes(frame) > limits.json_nodes:',
            "if False:",
        ),
    ),
    defence(
        "a call has not too many arguments",
        "calls",
        ATTACKS + "excess",
        "t41",
        ("if literal is None or len(positional) + len(named) == most:", "if literal is None:"),
    ),
    defence(
        "a message has an end",
        "endpoints",
        ATTACKS + "excess",
        "t40",
        (
            'if len(text) > limit or (not text.isascii() and len(text.encode("utf-8", "surrogatepass")) > limit):',
            "if False:",
        ),
    ),
    defence(
        "a message that never ends is cut",
        "server",
        ATTACKS + "excess",
        "t40",
        (
            "ws_max_size=max((asok.settings.limits.message for asok in loaded.asoks), default=Limits().message),",
            "ws_max_size=2**24,",
        ),
    ),
    defence(
        "nothing is inflated",
        "server",
        ATTACKS + "excess",
        "t45",
        ("ws_per_message_deflate=False", "ws_per_message_deflate=True"),
    ),
    defence(
        "a binary frame ends the connection",
        "endpoints",
        ATTACKS + "wire",
        "t32",
        ('        if text is None:\n            raise Closing(CLOSE.BINARY, "binary")', '        text = text or ""'),
    ),
    defence(
        "a connection has so many instances",
        "conversation",
        ATTACKS + "excess",
        "t42",
        ("if line is None and len(self._lines) >= self._limits.instances:", "if False:"),
    ),
    defence(
        "a session has so many records",
        "sessions",
        ATTACKS + "excess",
        "t42",
        ('if await backend.count(owner, "record/") < limit:', "if True:"),
    ),
    defence(
        "who sends too fast is told to slow down",
        "admission",
        ATTACKS + "excess",
        "t43",
        ("        if not wait:\n            return 0\n", "        return 0\n"),
    ),
    defence(
        "a flood is cut",
        "admission",
        ATTACKS + "excess",
        "t43",
        ('raise Closing(CLOSE.FLOOD, "too many events")', "pass"),
    ),
    defence(
        "the outbox is bounded",
        "outbox",
        ATTACKS + "excess",
        "t44",
        (
            "return len(self._frames) < self._limits.outbox_messages and self._size < self._limits.outbox_bytes",
            "return True",
        ),
    ),
    defence(
        "who does not read is cut",
        "connections",
        UNIT + "posting",
        "t44",
        (
            "await within(TimeLimit(limit), wire.beat()",
            "await within(TimeLimit(1e9), wire.beat()",
        ),
    ),
    defence(
        "who says nothing is sent away",
        "connections",
        ATTACKS + "excess",
        "t45",
        ('lambda: None if session.greeted else session.outbox.close(CLOSE.TIMEOUT, "no join came")', "lambda: None"),
    ),
    defence(
        "a body that does not come is not waited for",
        "posting",
        UNIT + "posting",
        "t45",
        ("async with asyncio.timeout(self._limits.first_message):", "async with asyncio.timeout(None):"),
    ),
    defence(
        "a session has so many connections",
        "crowding",
        UNIT + "crowding",
        "t46",
        ("if most and visitor.connections >= most:", "if False:"),
    ),
    defence(
        "an address has so many connections",
        "crowding",
        UNIT + "crowding",
        "t46",
        ("if limits.address_connections and self._addresses[address] >= limits.address_connections:", "if False:"),
    ),
    defence(
        "a worker has so many connections",
        "crowding",
        UNIT + "crowding",
        "t46",
        ("        if self.size >= self.most:\n", "        if False:\n"),
    ),
    defence(
        "joins wait for their turn",
        "crowding",
        UNIT + "crowding",
        "t47",
        ("        if turn - now > LONGEST_QUEUE:", "        if False:"),
    ),
    defence(
        "a method has so much time",
        "calling",
        ATTACKS + "operations",
        "t51",
        ("limit = TimeLimit(seconds)", "limit = TimeLimit(1e9)"),
    ),
    defence(
        "a thread that hangs is told to stop",
        "calling",
        ATTACKS + "operations",
        "t51",
        (
            "            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(_Cut))",
            "            pass",
        ),
    ),
    defence(
        "methods have so many threads",
        "hosting",
        ATTACKS + "operations",
        "t51",
        ("anyio.CapacityLimiter(self.settings.limits.threads)", "anyio.CapacityLimiter(1000)"),
    ),
    defence(
        "another protocol reloads",
        "conversation",
        ATTACKS + "beside",
        "t60",
        ("if message.protocol != protocol.PROTOCOL:", "if False:"),
    ),
    defence(
        "who drains takes no more",
        "connections",
        UNIT + "endpoints",
        "drain",
        ("return 503 if self.draining else 0", "return 0"),
    ),
    defence(
        "who drains sends browsers elsewhere",
        "connections",
        UNIT + "endpoints",
        "drain",
        (
            '        for session in list(self.open):\n            session.outbox.close(CLOSE.RESTART, "restart")',
            "        pass",
        ),
    ),
    defence(
        "who drains lets methods answer",
        "connections",
        UNIT + "endpoints",
        "drain",
        ("settling = [session.settle(seconds) for session in self.open]", "settling: list[Any] = []"),
    ),
    defence(
        "a length is refused by the header that declares it",
        "wire_frames",
        UNIT + "wire",
        "breaks_the_protocol",
        ("if size > room and not first & CONTROL:", "if False:"),
    ),
    defence(
        "a frame that is not masked is refused",
        "wire_frames",
        UNIT + "wire",
        "breaks_the_protocol",
        ("    if size < 0:", "    if False:"),
    ),
    defence(
        "reserved bits and opcodes are refused",
        "wire_frames",
        UNIT + "wire",
        "breaks_the_protocol",
        ("if first not in ALLOWED:", "if False:"),
    ),
    defence(
        "a control frame is short",
        "wire_frames",
        UNIT + "wire",
        "breaks_the_protocol",
        ("        if first & CONTROL:", "        if False:"),
    ),
    defence(
        "the fragments of a message count together",
        "wire_incoming",
        UNIT + "wire",
        "breaks_the_protocol",
        ("self._limit if parts is None else self._limit - len(parts)", "self._limit"),
    ),
    defence(
        "messages that nobody takes are bounded in number",
        "wire_incoming",
        UNIT + "wire_bounds",
        "takes_nothing",
        ("len(self._queue) >= self._queue_limit or ", ""),
    ),
    defence(
        "messages that nobody takes are bounded in bytes",
        "wire_incoming",
        UNIT + "wire_bounds",
        "takes_nothing",
        (" or self._unread > UNREAD_BYTES:", ":"),
    ),
    defence(
        "a packet of many messages waits as bytes",
        "wire_incoming",
        UNIT + "wire_bounds",
        "one_packet",
        ("while start < size and not self.is_deaf and", "while start < size and"),
    ),
    defence(
        "what comes before the handshake is answered is bounded",
        "wire_incoming",
        UNIT + "wire_bounds",
        "before_the_handshake",
        ("else self._rest + data\n        self._stop_listening()", "else self._rest + data"),
    ),
    defence(
        "what comes byte by byte is not copied each time",
        "wire_incoming",
        UNIT + "wire_bounds",
        "byte_by_byte",
        ("        self._rest += data\n", "        self._rest = self._rest + data\n"),
    ),
    defence(
        "an app waits while a browser does not read",
        "wire",
        UNIT + "wire_bounds",
        "app_waits",
        ("            await self._congested.wait()", "            pass"),
    ),
    defence(
        "an app that waits for a browser that goes is told",
        "wire",
        UNIT + "wire_bounds",
        "that_goes",
        ("        self.resume_writing()\n\n    def pause", "        pass\n\n    def pause"),
    ),
    defence(
        "pongs that nobody reads are not kept",
        "wire",
        UNIT + "wire_bounds",
        "reads_no_pong",
        ("            self._owed = content", "            self.transport.write(framed(PONG, content))"),
    ),
    defence(
        "who neither reads nor answers a close is cut",
        "wire",
        UNIT + "wire_bounds",
        "is_cut",
        ("self._timer = self._loop.call_later(FAREWELL, self.transport.abort)", "pass"),
    ),
    defence(
        "who does not answer a ping is closed",
        "wire_pulse",
        UNIT + "wire_bounds",
        "answer_pings",
        ("            connection.silent()", "            pass"),
    ),
    defence(
        "who is told the end hears no other",
        "wire_incoming",
        UNIT + "wire",
        "reaches_the_app",
        ("        if self._farewell is None:\n", "        if True:\n"),
    ),
)
