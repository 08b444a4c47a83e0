"""Queues as Label Studio imports them: a list of tasks, and the labelling configuration that shows them.

The answer comes back through the format `label_studio` (`prefcurate.schemas.formats.label_studio`).
"""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from prefcurate.schemas.canonical import canonical_json, unit_interval
from prefcurate.schemas.formats.label_studio import CONTROL, RATIONALE, comparison_json
from prefcurate.schemas.records import Message, Part, render

_CHOICES = (
    ("first", "The first is better", "1"),
    ("second", "The second is better", "2"),
    ("tie", "They are equally good", "3"),
    ("both_good", "Both are good", "4"),
    ("both_bad", "Both are bad", "5"),
    ("unratable", "I cannot tell", "6"),
)


def task(
    row: Mapping[str, Any], seed: int, asked_by: str, inclusion_p: float, rank: int, answers: int = 1
) -> dict[str, Any]:
    """One task: what is shown in `prompt`, `first` and `second`; the rest is for the way back.

    Which response is shown first is drawn for each comparison on its own: drawn for a prompt, all pairs of one
    prompt would have the same side first.

    Args:
        row: comparison_id, prompt, response_a and response_b of the table `comparisons`.
        seed: for the draw.
        asked_by: who asks and by which policy.
        inclusion_p: the chance with which the pair was chosen.
        rank: its place in the queue.
        answers: how many people should answer it.
    """
    order = "ab" if unit_interval(seed, row["comparison_id"], "route/order") < 0.5 else "ba"
    texts = {"a": _text(row["response_a"]), "b": _text(row["response_b"])}
    return {
        "data": {
            "comparison_id": row["comparison_id"],
            "prompt": _text(row["prompt"]),
            "first": texts[order[0]],
            "second": texts[order[1]],
            "order_shown": order,
            "asked_by": asked_by,
            "inclusion_p": inclusion_p,
            "rank": rank,
            **({} if answers == 1 else {"answers": answers}),
            "comparison": comparison_json(row["prompt"], row["response_a"], row["response_b"]),
        }
    }


def queue_json(tasks: list[dict[str, Any]]) -> bytes:
    """The tasks as the bytes of an import file."""
    lines = ",\n".join(canonical_json(one) for one in tasks)
    return f"[\n{lines}\n]\n".encode() if tasks else b"[]\n"


def labelling_config() -> str:
    """The XML to paste into a project's labelling setup before the tasks are imported."""
    choices = "\n".join(
        f"    <Choice alias={quoteattr(alias)} value={quoteattr(words)} hotkey={quoteattr(key)}/>"
        for alias, words, key in _CHOICES
    )
    return f"""<View>
  <Header value="The prompt"/>
  <Text name="prompt" value="$prompt" valueType="text"/>
  <View style="display: flex; gap: 1em">
    <View style="flex: 50%"><Header value="The first response"/><Text name="first" value="$first" valueType="text"/></View>
    <View style="flex: 50%"><Header value="The second response"/><Text name="second" value="$second" valueType="text"/></View>
  </View>
  <Header value="Which response is better?"/>
  <Choices name={quoteattr(CONTROL)} toName="prompt" choice="single-radio" required="true">
{choices}
  </Choices>
  <TextArea name={quoteattr(RATIONALE)} toName="prompt" placeholder="Why? (optional)" maxSubmissions="1"/>
</View>
"""


def _text(messages: Any) -> str:
    told = tuple(Message(m["role"], tuple(Part(**part) for part in m["content"])) for m in messages)
    return render(told)
