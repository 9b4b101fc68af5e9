"""A form that says what is wrong as soon as you leave a field, and works without JavaScript."""

from typing import Annotated, Literal

from asok import Asok, Component, exposed
from asok.forms import Email, Form, FormError, Meta, Secret, form_of, validates

TAKEN = {"ada@example.org", "grace@example.org"}


class Account(Form):
    name: Annotated[str, Meta(min_length=2, max_length=40, title="Your name")]
    email: Annotated[Email, Meta(title="E-mail")]
    age: Annotated[int, Meta(ge=18, le=130)]
    plan: Literal["Free", "Team", "Company"] = "Free"
    password: Annotated[Secret, Meta(min_length=8)]
    again: Annotated[Secret, Meta(title="Password, once more")]
    terms: Annotated[bool, Meta(title="I have read the terms")]

    messages = {"age.ge": "You have to be {limit} to sign up."}

    @validates("email")
    def is_free(cls, email: str) -> None:
        if email.lower() in TAKEN:
            raise FormError("Somebody has signed up with this address already.")

    def check(self) -> None:
        if self.password != self.again:
            raise FormError(again="The two passwords are not the same.")


class SignUp(Component):
    """Leave a field, and only that one is checked. Switch JavaScript off: it still works, and says the same."""

    css = "signup.css"
    scoped = True
    template = """
      {% from "asok/forms.html" import choice, field, tick %}
      <section class="signup">{% if welcome %}
        <p role="status">Welcome, <strong>{{ welcome }}</strong>.</p>
        <form><button ws-click="another">Sign up somebody else</button></form>{% else %}
        <form ws-submit="join" ws-change="validate" novalidate>
          {{ field(account.name, autocomplete="name") }}
          {{ field(account.email, type="email", autocomplete="email") }}
          {{ field(account.age, inputmode="numeric") }}
          {{ choice(account.plan, ("Free", "Team", "Company")) }}
          {{ field(account.password, type="password", autocomplete="new-password") }}
          {{ field(account.again, type="password", autocomplete="new-password") }}
          {{ tick(account.terms) }}
          <button ws-disable-with="Signing up…">Sign up</button>
        </form>{% endif %}
      </section>"""
    account = form_of(Account)
    welcome: str = ""

    @exposed
    def join(self, account: Account) -> None:
        self.welcome = account.name
        self.account = form_of(Account)

    @exposed
    def another(self) -> None:
        self.welcome = ""


app = Asok()
app.page("/", SignUp)
