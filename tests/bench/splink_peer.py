"""splink on the same lists as tests/bench/identity.py: the set-up that its documentation advises, with what the columns allow.

Comparisons with term frequencies, chance from random pairs, expectation-maximisation over two passes or more, clusters at 0.95.
"""
import logging
import time
import warnings

NAMES = {
    "first": ["given_name", "first_name", "given"], "last": ["surname", "last_name"], "birth": ["date_of_birth", "dob"], "email": ["mail"],
    "phone": ["tel"], "postcode": ["postcode"], "street": ["address_1", "line1"], "city": ["suburb", "town"], "number": ["street_number"],
    "identifier": ["soc_sec_id", "vat"], "name": ["name"], "domain": ["domain"],
}


def resolve(path, entity):
    """Clusters by record, and seconds."""
    import pandas
    import splink.comparison_library as compare
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    warnings.filterwarnings("ignore")
    logging.getLogger("splink").setLevel(logging.ERROR)
    started = time.monotonic()
    frame = pandas.read_csv(path, dtype=str)
    renamed = {header: word for word, headers in NAMES.items() for header in headers if header in frame.columns}
    frame = frame.rename(columns=renamed)[["id", *renamed.values()]]
    frame = frame.apply(lambda column: column.str.strip().str.lower() if column.name != "id" else column).replace("", None)
    has = set(renamed.values())
    if "phone" in has:
        frame["phone"] = frame["phone"].str.replace(r"\D", "", regex=True).replace("", None)
    if "birth" in has:
        frame["birth"] = frame["birth"].str.replace(r"\D", "", regex=True).replace("", None)
    names = {"first", "last"} & has if entity == "contact" else {"name"} & has
    comparisons = [compare.NameComparison(word).configure(term_frequency_adjustments=True) for word in sorted(names)]
    comparisons += [compare.DamerauLevenshteinAtThresholds("birth", [1, 2])] if "birth" in has else []
    comparisons += [compare.EmailComparison("email")] if "email" in has else []
    comparisons += [compare.DamerauLevenshteinAtThresholds(word, [1]) for word in ("phone", "postcode", "identifier") if word in has]
    comparisons += [compare.JaroWinklerAtThresholds(word, [0.9]) for word in ("street", "city", "domain") if word in has]
    comparisons += [compare.ExactMatch("number")] if "number" in has else []
    rules = [("first", "last"), ("first", "birth"), ("last", "birth"), ("email",), ("phone",), ("identifier",), ("postcode", "last"),
             ("postcode", "first"), ("birth", "postcode"), ("street", "first"), ("name",), ("domain",), ("postcode", "street"), ("birth",)]
    rules = [block_on(*rule) for rule in rules if set(rule) <= has]
    settings = SettingsCreator(link_type="dedupe_only", unique_id_column_name="id", comparisons=comparisons,
                               blocking_rules_to_generate_predictions=rules, retain_intermediate_calculation_columns=False)
    database = DuckDBAPI()
    linker = Linker(database.register(frame) if hasattr(database, "register") else frame, settings)
    certain = [block_on(*rule) for rule in [("first", "last", "birth"), ("email",), ("identifier",), ("name", "domain"), ("first", "last", "phone")] if set(rule) <= has]
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    for rule in [("first", "last"), ("birth",), ("email",), ("postcode",), ("name",), ("domain",), ("phone",)]:
        if set(rule) <= has:
            try:
                linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
            except Exception:  # A pass that has too few pairs teaches nothing.
                continue
    predicted = linker.inference.predict(threshold_match_probability=0.5)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.95)
    found = clusters.as_pandas_dataframe() if hasattr(clusters, "as_pandas_dataframe") else clusters.as_duckdbpyrelation().df()
    return dict(zip(found["id"].astype(str), found["cluster_id"].astype(str))), time.monotonic() - started
