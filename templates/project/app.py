from asok import Asok

app = Asok()
app.page("/", "index.html")
