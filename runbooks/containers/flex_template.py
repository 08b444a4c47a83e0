"""What the launcher of Dataflow's Flex Template starts: `prefcurate run` for one stage, and nothing of its own.

The launcher gives every parameter as ``--name=value`` and adds what the job needs (``--runner``, ``--project``,
``--template_location``, …). One launch is one job, so one stage; see runbooks/dataflow.md.
"""

import argparse
import sys
from collections.abc import Sequence


def command(given: Sequence[str]) -> list[str]:
    """The arguments of the command `prefcurate` for those of the launcher."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--config", required=True)
    parser.add_argument("--stages", required=True)
    known, others = parser.parse_known_args(given)
    return ["run", known.config, f"--stages={known.stages}", *others]


if __name__ == "__main__":
    from prefcurate.pipelines.cli import main

    sys.argv = ["prefcurate", *command(sys.argv[1:])]
    main()
