"""Tests of what calculates and writes; `make bench` itself is the test of what measures."""

import unittest
import xml.etree.ElementTree as xml
from copy import deepcopy

import chart
import check
from contenders import BARE, POLICY
from instructions import Cost, Part, read_part
from results import Results
from throughput import ratio
from traffic import Response
from traffic import check as check_response


def results(added: float) -> Results:
    """Results in which every contender adds so much."""
    found = Results({})
    for contender in check.CHECKED:
        found.instructions[contender.key] = {
            kind: Cost(10_000 + (0 if contender is BARE else added), 3) for kind in contender.kinds
        }
    return found


class Check(unittest.TestCase):
    def test_equal_results_pass(self) -> None:
        self.assertEqual(check.compare(results(1000), results(1000)), [])

    def test_up_to_three_percent_pass(self) -> None:
        self.assertEqual(check.compare(results(1030), results(1000)), [])
        self.assertEqual(check.compare(results(970), results(1000)), [])

    def test_more_fails_either_way(self) -> None:
        for found in 1031, 969:
            complaints = check.compare(results(found), results(1000))
            self.assertIn(
                f"module, allowed: +1,000 instructions committed, +{found:,} found", complaints
            )

    def test_a_location_without_a_policy_may_cost_next_to_nothing(self) -> None:
        self.assertEqual(check.compare(results(10), results(0)), [])
        self.assertTrue(check.compare(results(11), results(0)))

    def test_what_all_servers_take_does_not_matter(self) -> None:
        other = results(1000)
        for costs in other.instructions.values():
            for kind, cost in costs.items():
                costs[kind] = Cost(cost.instructions + 5000, cost.allocations)
        self.assertEqual(check.compare(other, results(1000)), [])

    def test_another_allocation_fails(self) -> None:
        found = results(1000)
        found.instructions[POLICY.key]["denied"] = Cost(11_000, 4)
        self.assertEqual(
            check.compare(found, results(1000)),
            ["module, denied: 3 allocations committed, 4 found"],
        )

    def test_what_was_not_committed_fails(self) -> None:
        committed = deepcopy(results(1000))
        del committed.instructions[POLICY.key]
        self.assertIn(
            "module, none: not among the committed results",
            check.compare(results(1000), committed),
        )


class Callgrind(unittest.TestCase):
    def test_the_allocator_is_left_out_where_others_call_it(self) -> None:
        part = read_part(
            """
summary: 1000

ob=(1) /usr/sbin/nginx
fl=(1) ???
fn=(1) ngx_alloc
0 12
cob=(2) /lib/libc.so.6
cfn=(2) malloc
calls=3 0
0 300
cfn=(3) ngx_other
calls=1 0
0 50

ob=(2)
fn=(2)
0 100
cfn=(2)
calls=7 0
0 200

ob=(1)
fn=(3)
cob=(2)
cfn=(4) free
calls=2 0
0 40
cob=(2)
cfn=(5) memcpy
calls=2 0
0 60
""".splitlines()
        )
        self.assertEqual(part, Part(660, 3, disturbed=False))


class Ratios(unittest.TestCase):
    def test_the_interval_of_ten_leaves_out_one_at_each_end(self) -> None:
        found = ratio([float(n) for n in range(1, 11)], [1.0] * 10)
        self.assertEqual((found.low, found.median, found.high), (2, 5.5, 9))

    def test_the_interval_of_six_is_all_of_them(self) -> None:
        found = ratio([float(n) for n in range(1, 7)], [1.0] * 6)
        self.assertEqual((found.low, found.high), (1, 6))


class Responses(unittest.TestCase):
    def test_an_answer_without_its_headers_is_refused(self) -> None:
        with self.assertRaises(SystemExit):
            check_response(Response(200, {"vary": "Origin"}), "api", "allowed", "https://a.example")

    def test_no_origin_gets_vary_alone(self) -> None:
        check_response(Response(200, {"vary": "Origin"}), "api", "none", "https://a.example")


class Chart(unittest.TestCase):
    def test_it_is_xml_with_a_bar_for_each_value(self) -> None:
        bars = [chart.Bar("a & b", 100, True), chart.Bar("<c>", -20, False)]
        svg = xml.fromstring(chart.draw("Title", [chart.Panel("Panel", bars)]))
        rectangles = svg.findall("{http://www.w3.org/2000/svg}rect")
        self.assertEqual([float(rect.get("width", "")) > 1 for rect in rectangles], [True, False])


if __name__ == "__main__":
    unittest.main()
