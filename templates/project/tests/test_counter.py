async def test_the_counter_counts(live):
    page = await live.open("/")
    await page.click("button", text="Add 1")
    assert page.text("h3") == "Count: 11"
