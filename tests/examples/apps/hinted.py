"""A page with early hints."""

from velo_core import EarlyHints, Velo

app = Velo()


@app.get("/")
async def page(hints: EarlyHints) -> dict[str, bool]:
    sent = await hints.send("</style.css>; rel=preload; as=style", "<https://fonts.example>; rel=preconnect")
    return {"offered": hints.offered, "sent": sent, "again": await hints.send("</tea.js>; rel=preload; as=script")}
