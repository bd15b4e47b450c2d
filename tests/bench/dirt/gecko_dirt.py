"""Dirt that is not ours: gecko-syndata damages clean.csv, the table that `planted_dirt export FOLDER` has written, into dirty.csv.

python -m venv /tmp/gecko && /tmp/gecko/bin/pip install gecko-syndata==0.6.4
cargo run -p aqueduct-normalise --example planted_dirt export FOLDER
/tmp/gecko/bin/python tests/bench/dirt/gecko_dirt.py FOLDER
cargo run -p aqueduct-normalise --example planted_dirt judge FOLDER
"""

import pathlib
import sys

import numpy
import pandas
from gecko import mutator

SEED = 20261122
# Characters that people and machines put in by mistake.
NOISE = " \u00a0\u200b\t.,;'\"-"


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    clean = pandas.read_csv(folder / "clean.csv", dtype=str, keep_default_na=False)
    chance = numpy.random.default_rng(SEED)
    insert, delete = mutator.with_insert(charset=NOISE, rng=chance), mutator.with_delete(rng=chance)
    swap, upper, lower = mutator.with_transpose(rng=chance), mutator.with_uppercase(rng=chance), mutator.with_lowercase(rng=chance)
    substitute, repeat = mutator.with_substitute(charset="abcdefghijklmnopqrstuvwxyz0123456789", rng=chance), mutator.with_repeat(rng=chance)
    nothing = [mutator.with_missing_value(word, rng=chance) for word in ("", "NA", "NULL", "unknown", "-")]
    days = mutator.with_datetime_offset(400, "days", "%Y-%m-%d", rng=chance)
    text = [(0.02, insert), (0.02, delete), (0.02, swap), (0.02, upper), (0.02, lower), (0.02, substitute), (0.01, repeat)]
    text += [(0.01, word) for word in nothing]
    names = ["full_name", "company", "job_title", "city", "email", "phone", "postal_code", "country", "language", "website", "stage", "amount"]
    damages = [(name, text) for name in names]
    damages.append(("birth_date", [(0.05, days), (0.03, delete), (0.03, swap), (0.03, insert)]))
    dirty = mutator.mutate_data_frame(clean, damages)
    dirty.to_csv(folder / "dirty.csv", index=False, lineterminator="\n", quoting=1)
    changed = (dirty != clean).sum()
    print(f"{int(changed.sum())} of {clean.size} cells are dirty")


main()
