from logicnet.events import Event, NonceAccepted, fan_out


def test_fan_out_hands_each_event_to_all_in_order() -> None:
    heard: list[tuple[str, Event]] = []
    sink = fan_out(lambda event: heard.append(("log", event)), lambda event: heard.append(("ledger", event)))
    event = NonceAccepted(caller="classic:5F:1", nonce=7)
    sink(event)
    assert heard == [("log", event), ("ledger", event)]
