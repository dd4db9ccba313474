"""The dashboard's pages: the numbers that they show, what they say of nothing, and that no value breaks out of them."""

from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import pytest

from src.dashboard import page_limits, page_overview, page_plain, page_request, page_requests, page_unpriced, scales
from src.dashboard import values
from src.dashboard.charts import Chart, Column, bars, lines
from src.dashboard.html import Html, join, path, tag
from src.dashboard.layout import Frame
from src.dashboard.reading import Overview, day_or_hour, span_of
from src.policy.limits import MEASURES, Limit, window_of
from src.policy.reports import DAY, HOUR, Period
from src.store.ledger_pages import NAMES, Page, Wanted
from src.store.ledger_tables import prices, requests
from src.store.limits_usage import Used

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=timezone.utc)
FRAME = Frame("sqlite:///gateway.db", NOW, "abc")
ATTACKS = ("<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)", "</title><h1>",
           "&lt;b&gt;", "javascript:alert(1)", "a\x1b[31m\u202eb", "</pre></td></table>", "x\ud800y")
VOID = {"meta", "link", "input", "br"}


class Read(HTMLParser):
    """A page as a browser takes it: every element closed, every attribute known, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, data: str) -> None:
        self.text += data

    def assert_harmless(self) -> None:
        """Fail where anything could run, be fetched from elsewhere, or carry a style of its own."""
        assert not {name for name, _ in self.elements} & {"script", "img", "iframe", "object", "style", "base"}
        for _, attributes in self.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            for name in ("href", "src", "action"):
                address = attributes.get(name)
                assert address is None or (address.startswith("/") and not address.startswith("//")), address


# --- numbers --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("micros", "said"), [
    (None, "-"), (0, "$0.000000"), (1, "$0.000001"), (1_234_567, "$1.234567"), (1_234_567_890_123, "$1,234,567.890123"),
])
def test_money_is_exact_and_unknown_is_no_zero(micros: int | None, said: str) -> None:
    assert values.dollars(micros) == said
    assert Read(values.money(micros)).text == said


@pytest.mark.parametrize(("part", "whole", "said"), [
    (0, 0, "-"), (0, 10, "0 %"), (1, 3, "33.3 %"), (10, 10, "100 %"), (1, 100_000, "< 0.1 %"),
    (99_999, 100_000, "> 99.9 %"), (1, 2, "50 %"),
])
def test_shares_are_not_rounded_to_nothing_or_everything(part: int, whole: int, said: str) -> None:
    assert values.percent(part, whole) == said


@pytest.mark.parametrize(("number", "said"), [
    (None, "-"), (0, "0 ms"), (999, "999 ms"), (1000, "1.00 s"), (9_999, "10.0 s"), (59_999, "1 min 0 s"),
    (125_400, "2 min 5 s"),
])
def test_durations_have_three_digits_or_so(number: int | None, said: str) -> None:
    assert values.milliseconds(number) == said


@pytest.mark.parametrize(("number", "said"), [
    (None, "-"), (0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (123_456, "123 k"), (1_234_567, "1.23 M"),
    (12_345_678_901, "12.3 G"),
])
def test_large_numbers_are_short_and_whole_when_pointed_at(number: int | None, said: str) -> None:
    shown = Read(values.short(number))
    assert shown.text == said
    assert [attributes["title"] for _, attributes in shown.elements] in ([], [values.count(number)])


@pytest.mark.parametrize(("price", "said"), [
    ("1250000", "$1.25 per million"), ("10000000", "$10 per million"), ("0", "$0 per million"),
    ("0.5", "$0.0000005 per million"), ("75000", "$0.075 per million"),
])
def test_prices_are_dollars_per_million_tokens(price: str, said: str) -> None:
    assert f"input{said}" in Read(page_request.render(FRAME, whole_row(price_prompt=price))).text


@pytest.mark.parametrize(("at", "said"), [
    (None, "-"), ("2026-11-21T09:05:07.123+00:00", "09:05:07"), ("2026-11-20T09:05:07+00:00", "Nov 20, 09:05:07"),
    ("2026-11-21T11:05:07+02:00", "09:05:07"),
])
def test_moments_are_in_utc_and_name_their_day_unless_it_is_today(at: str | None, said: str) -> None:
    assert Read(values.moment(at, NOW)).text == said


# --- markup ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("attack", ATTACKS)
def test_text_stays_text_between_tags_and_in_attributes(attack: str) -> None:
    read = Read(tag("p", attack, title=attack))
    assert [name for name, _ in read.elements] == ["p"]
    assert read.text == read.elements[0][1]["title"] and list(read.elements[0][1]) == ["title"]
    assert "\x1b" not in read.text and "\u202e" not in read.text


def test_only_markup_is_left_as_it_is() -> None:
    assert tag("p", Html("<b>x</b>"), ["<", None, 3]) == "<p><b>x</b>&lt;3</p>"
    assert join("<", Html("<br>")) == "&lt;<br>"
    assert tag("input", checked=True, disabled=False, value=None) == "<input checked>"


@pytest.mark.parametrize("attack", ATTACKS)
def test_addresses_stay_on_this_server(attack: str) -> None:
    for address in (path(attack), path("requests", attack, alias=attack)):
        assert address.startswith("/") and not address.startswith("//") and " " not in address and "<" not in address


# --- charts ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("largest", "ticks"), [
    (0, (0,)), (1, (0, 1)), (3, (0, 1, 2, 3)), (7, (0, 2, 4, 6, 8)), (95, (0, 50, 100)), (400, (0, 100, 200, 300, 400)),
])
def test_axes_have_round_numbers_up_to_the_largest_value(largest: float, ticks: tuple[float, ...]) -> None:
    assert scales.scale(largest, scales.axis_count, 1).ticks == ticks


@pytest.mark.parametrize(("micros", "said"), [(0, "$0"), (2e6, "$2"), (5e5, "$0.50"), (1e4, "$0.01"), (20, "$0.00002")])
def test_axes_of_money_have_no_more_digits_than_they_need(micros: float, said: str) -> None:
    assert scales.axis_dollars(micros) == said


def chart(*of: tuple[float | None, ...]) -> Chart:
    columns = [Column(f"c{number}", f"said {number}", f"/requests?at={number}", one) for number, one in enumerate(of)]
    largest = max([sum(value or 0 for value in one) for one in of], default=0)
    return Chart(columns, ("ok", "failed"), scales.scale(largest, scales.axis_count), "words")


def shapes(html: str, name: str, class_: str) -> int:
    return sum(found == name and attributes.get("class") == class_ for found, attributes in Read(html).elements)


@pytest.mark.parametrize(("of", "ok", "failed"), [
    ((), 0, 0), (((0, 0),), 0, 0), (((3, 0),), 1, 0), (((3, 1), (0, 0), (5, 5)), 2, 2), (((None, 1),), 0, 1),
])
def test_bars_stand_for_what_there_is(of: Any, ok: int, failed: int) -> None:
    drawn = bars(chart(*of))
    assert (shapes(drawn, "rect", "ok"), shapes(drawn, "rect", "failed")) == (ok, failed)
    assert [text for number in range(len(of)) if (text := f"<title>said {number}</title>") not in drawn] == []


def test_one_error_among_thousands_is_still_seen() -> None:
    drawn = Read(bars(chart((100_000, 1))))
    height = next(one["height"] for name, one in drawn.elements if one.get("class") == "failed")
    assert float(height or 0) >= 1


@pytest.mark.parametrize(("of", "points", "joined"), [
    ((), 0, 0), (((5, 1),), 1, 0), (((5, 1), (6, 1), (7, 1)), 3, 2), (((5, 1), (None, 1), (7, 1)), 2, 0),
    (((None, 1), (6, 1), (7, 1), (None, 1)), 2, 1),
])
def test_lines_are_interrupted_where_nothing_is_known(of: Any, points: int, joined: int) -> None:
    drawn = lines(chart(*of))
    assert (shapes(drawn, "circle", "ok"), shapes(drawn, "line", "ok")) == (points, joined)


# --- overview -------------------------------------------------------------------------------------------------------

def row(**more: Any) -> dict[str, Any]:
    return {"requests": 10, "failed": 1, "streams": 4, "cost_micros": 1_500_000, "unpriced": 0, "prompt_tokens": 1000,
            "completion_tokens": 200, "p50_ms": 900, "p95_ms": 2_100, "ttft_p50_ms": 90, "ttft_p95_ms": 300, **more}


def overview(whole: dict[str, Any], name: str = "24h", by: str = "model", **more: Any) -> Overview:
    span = span_of(name, NOW.timestamp())
    columns = tuple((start, whole) for start in span.starts)
    return Overview(span, whole, columns, more.get("errors", ()), by, tuple(more.get("rows", ())))


def tiles(html: str) -> str:
    return Read(html.partition('class="tiles">')[2].partition('<div class="charts"')[0].removesuffix("</div>")).text


@pytest.mark.parametrize(("more", "shown"), [
    ({}, ("10", "10 % of all requests", "$1.500000", "1,000 in", "200 out", "900 ms", "2.10 s", "90 ms")),
    ({"unpriced": 1}, ("$1.500000", "+ 1 request without a price")),
    ({"unpriced": 1234}, ("+ 1,234 requests without a price",)),
    ({"cost_micros": None, "unpriced": 9}, ("Cost-+ 9 requests without a price",)),
    ({"p50_ms": None, "p95_ms": None, "failed": 10}, ("100 %", "Latency-median; 95 % within -")),
    ({"ttft_p50_ms": None, "ttft_p95_ms": None}, ("First token-",)),
])
def test_tiles_say_what_is_known_and_a_dash_for_what_is_not(more: dict[str, Any], shown: tuple[str, ...]) -> None:
    said = tiles(page_overview.render(FRAME, overview(row(**more)), "requests", True))
    assert [one for one in shown if one not in said] == []


@pytest.mark.parametrize(("ever", "said"), [(True, "No requests in these 24 hours"), (False, "No requests yet")])
def test_an_empty_overview_says_what_to_do(ever: bool, said: str) -> None:
    html = page_overview.render(FRAME, overview(row(requests=0)), "requests", ever)
    assert said in html and "<svg class=\"plot\"" not in html


@pytest.mark.parametrize(("sort", "first"), [("requests", "often"), ("errors", "broken"), ("cost", "dear"),
                                             ("latency", "slow")])
def test_the_table_is_sorted_by_what_was_asked_for(sort: str, first: str) -> None:
    rows = [row(model="often", requests=99), row(model="broken", failed=9), row(model="dear", cost_micros=9_000_000),
            row(model="slow", p95_ms=60_000), row(model="unknown", cost_micros=None, p95_ms=None, failed=0)]
    html = page_overview.render(FRAME, overview(row(), rows=rows), sort, True)
    table = html.partition('id="by"')[2]
    assert min(("often", "broken", "dear", "slow"), key=lambda name: table.index(f">{name}<")) == first


def test_names_lead_to_their_requests_and_no_name_leads_nowhere() -> None:
    rows = [row(user="ann & bob"), row(user=None), row(user="(others)")]
    html = page_overview.render(FRAME, overview(row(), by="user", rows=rows, errors=(("timeout", 3),)), "cost", True)
    links = [attributes.get("href") for name, attributes in Read(html).elements if name == "a"]
    assert "/requests?user=ann+%26+bob" in links and "/requests?error=timeout" in links
    assert "(none)" in html and "/requests?user=%28others%29" not in links


@pytest.mark.parametrize(("name", "columns", "since"), [
    ("24h", 24, "2026-11-20T13:00"), ("7d", 7, "2026-11-15T00:00"), ("30d", 30, "2026-10-23T00:00"),
    ("90d", 90, "2026-08-24T00:00"),
])
def test_periods_are_whole_hours_that_end_with_the_present_one(name: str, columns: int, since: str) -> None:
    span = span_of(name, NOW.timestamp())
    assert span.period == Period(int(datetime.fromisoformat(f"{since}+00:00").timestamp()),
                                 int(NOW.timestamp()) + HOUR // 2)
    assert len(span.starts) == columns


@pytest.mark.parametrize(("text", "length"), [("2026-11-21", DAY), ("2026-11-21T14", HOUR), ("2026-11-21T14:00", None),
                                              ("", None), ("99999-01-01", None), ("2026-13-01", None)])
def test_a_day_or_an_hour_can_be_asked_for(text: str, length: int | None) -> None:
    found = day_or_hour(text)
    assert (found and found.until - found.since) == length


# --- requests -------------------------------------------------------------------------------------------------------

def whole_row(**more: Any) -> dict[str, Any]:
    """Return a row with something in every column, each text its column's name."""
    found: dict[str, Any] = {column.name: column.name for column in requests.c}
    found |= {column.name: 7 for column in requests.c if column.type.python_type is int}
    found |= {f"price_{name}": "99" for name in prices.c.keys() if name != "id"}
    return {**found, "started_at": "2026-11-21T09:05:07.123+00:00", "ended_at": "2026-11-21T09:05:08.123+00:00",
            "stream": True, "client_gone": False, "attempts": [{"deployment": "one", "status": 200}],
            "dropped": ["seed"], "translated": {"reasoning": "effort"}, "cost_micros": 1_234_567,
            "price_source": "environment", **more}


@pytest.mark.parametrize(("query", "asked"), [
    ({}, Wanted()), ({"alias": "gpt-5", "user": ""}, Wanted(alias="gpt-5")), ({"state": "5xx"}, Wanted(state="5xx")),
    ({"state": "everything"}, Wanted()), ({"gone": "1"}, Wanted(gone=True)),
    ({"at": "2026-11-21"}, Wanted(period=day_or_hour("2026-11-21"))), ({"at": "never"}, Wanted()),
    ({"before": "-3"}, Wanted()), ({"nonsense": "x"}, Wanted()),
])
def test_a_query_asks_for_what_makes_sense(query: dict[str, str], asked: Wanted) -> None:
    assert page_requests.read_asked(query).wanted == asked


@pytest.mark.parametrize(("before", "found"), [("12", 12), ("", None), ("x", None), ("१", None),
                                               ("9" * 19, 2**63 - 1), ("9" * 40, None)])
def test_a_place_in_the_ledger_is_a_number_that_it_can_have(before: str, found: int | None) -> None:
    assert page_requests.read_asked({"before": before}).before == found


def test_a_filter_stays_in_every_address_until_it_is_taken_off() -> None:
    query = {**{name: f"{name} 1" for name in NAMES}, "state": "4xx", "gone": "1", "at": "2026-11-21T09"}
    asked = page_requests.read_asked(query)
    html = page_requests.render(FRAME, asked, Page([whole_row()], before=5))
    older = next(one["href"] for name, one in Read(html).elements if one.get("rel") == "next")
    assert older == asked.address(before=5) and all(f"{name}={name}+1" in str(older) for name in NAMES)
    off = [one["href"] for name, one in Read(html).elements if one.get("title") == "Take this filter off"]
    assert len(off) == len(query) and len(set(off)) == len(off)


@pytest.mark.parametrize(("live", "before", "refreshes"), [("1", "", True), ("1", "9", False), ("", "", False)])
def test_only_a_live_page_asks_again_by_itself_and_marks_what_is_new(live: str, before: str, refreshes: bool) -> None:
    asked = page_requests.read_asked({"live": live, "before": before, "seen": "3", "alias": "gpt-5"})
    html = page_requests.render(FRAME, asked, Page([whole_row(id=4), whole_row(id=3)]))
    assert ('<meta http-equiv="refresh" content="3;url=/requests?alias=gpt-5&amp;live=1&amp;seen=4">' in html) \
        is refreshes
    assert html.count('class="new"') == 1


def test_a_page_that_could_not_be_filled_in_time_says_how_far_it_came() -> None:
    html = page_requests.render(FRAME, page_requests.read_asked({"alias": "rare"}),
                                Page([], 17, "2026-11-20T10:00:00+00:00"))
    assert "Look further back" in html and "Nov 20, 10:00:00" in html and "before=17" in html


def test_every_column_of_the_ledger_is_on_the_page_of_a_request() -> None:
    named = {column for group in page_request.GROUPS.values() for column, _ in group}
    missing = {column.name for column in requests.c} | {f"price_{name}" for name in prices.c.keys() if name != "id"}
    assert missing - named - set(page_request.APART) - set(page_request.HIDDEN) == set()
    text = Read(page_request.render(FRAME, whole_row())).text
    assert [name for name in ("$1.234567", "seed", "effort", "session", "content", "one") if name not in text] == []


def test_unknown_is_a_dash_and_a_price_that_says_nothing_counts_alike() -> None:
    text = Read(page_request.render(FRAME, whole_row(cost_micros=None, price_cached=None))).text
    assert "cost-" in text and "cached inputas input" in text
    nothing = {name: None for name in whole_row() if name.startswith("price_")}
    unpriced = Read(page_request.render(FRAME, whole_row(**nothing))).text
    assert "cached input-" in unpriced


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_clients_or_upstreams_say_breaks_out_of_a_page(attack: str) -> None:
    texts = {name: attack for name, value in whole_row().items() if isinstance(value, str)
             and not name.endswith("_at") and not (name.startswith("price_") and name != "price_source")}
    evil = whole_row(**texts, attempts=[{attack: attack, "model": [attack]}], dropped=[attack, {attack: 1}],
                     translated={attack: attack})
    used = Used(Limit(attack, "user", attack, rpm=5), attack, MEASURES[0], window_of("minute", NOW.timestamp()), 3, 5)
    named = overview(row(), by="user", rows=[row(user=attack)], errors=((attack, 3),))
    pages = (page_request.render(FRAME, evil),
             page_requests.render(FRAME, page_requests.read_asked(dict.fromkeys(NAMES, attack)), Page([evil])),
             page_overview.render(FRAME, named, "cost", True), page_limits.render(FRAME, [used]),
             page_unpriced.render(FRAME, [{**evil, "requests": 1, "last_at": evil["started_at"]}], lambda _: [attack]),
             page_plain.database_away(FRAME, attack, attack), page_request.missing(FRAME, attack))
    for html in pages:
        Read(html).assert_harmless()
        assert attack not in html or attack in ("javascript:alert(1)", "x\ud800y")


# --- limits, prices -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("measure", "used", "cap", "shown", "colour"), [
    ("rpm", 0, 60, "0 of 60requests a minute", ""), ("rpd", 50, 50, "50 of 50requests a day", "red"),
    ("tpd", 170_000, 200_000, "170,000 of 200,000tokens a day", "amber"),
    ("budget_micros", 5_031_000, 5_000_000, "$5.031000 of $5.00a month", "red"),
    ("budget_micros", 1, 5_000_001, "$0.000001 of $5.000001a month", ""),
])
def test_limits_say_what_is_used_of_them(measure: str, used: int, cap: int, shown: str, colour: str) -> None:
    kind = next(one for one in MEASURES if one.field == measure)
    one = Used(Limit("house", "model", "gpt-5"), "gpt-5", kind, window_of(kind.period, NOW.timestamp()), used, cap)
    html = page_limits.render(FRAME, [one])
    assert shown in Read(html).text and f'class="{f"share {colour}".strip()}"' in html


def test_the_fullest_limit_stands_first_and_none_says_how_to_make_one() -> None:
    window = window_of("day", NOW.timestamp())
    some = [Used(Limit(f"limit-{share}", "user", "*"), "x", MEASURES[2], window, share, 100) for share in (5, 90, 40)]
    html = page_limits.render(FRAME, some)
    assert html.index("limit-90") < html.index("limit-40") < html.index("limit-5")
    assert "limits add" in page_limits.render(FRAME, [])


def test_models_without_a_price_come_with_the_repair_and_none_is_good_news() -> None:
    found = {"model": "openai/x", "deployment": "x", "requests": 3, "prompt_tokens": 10, "completion_tokens": None,
             "last_at": "2026-11-21T09:00:00+00:00"}
    html = page_unpriced.render(FRAME, [found], lambda rows: [f"MODEL_X_INPUT_COST={len(rows)}"])
    assert "MODEL_X_INPUT_COST=1" in html and "/requests?model=openai%2Fx" in html and "ledger reprice" in html
    assert "Every counted request has a price" in page_unpriced.render(FRAME, [], lambda rows: [])
