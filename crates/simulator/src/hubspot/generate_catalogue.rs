//! Products, the lines of deals, and lists: what an invented account sells, and whom it addresses together.

use super::data::Data;
use super::generate::{Ids, below};
use super::generate_rows::{Draw, Set, choice};
use super::lists::{List, ListKind};
use super::options::Options;
use super::schema::ObjectKind;
use crate::random::Random;

const DAY: i64 = 24 * 60 * 60 * 1000;
const LIST_TOPIC: u64 = 12;
const SOLD_TOPIC: u64 = 13;
const CURRENCIES: &[(&str, &str)] = &[("USD", ""), ("EUR", ""), ("GBP", "")];

/// What the catalogue says of one product: the same for the product and for every line with it.
struct Article {
    name: String,
    sku: String,
    cents: u64,
    /// How often it is due again, and for how many months it is agreed.
    term: Option<(&'static str, u64)>,
}

fn article(number: u64) -> Article {
    let mut random = Random::of_row(0xC0_9D0C, 0, number);
    let noun = random.pick(&["Seat", "Licence", "Workshop", "Support", "Sensor", "Größe XL", "Würfel, rot"]);
    let term =
        random.chance(500).then(|| *[("monthly", 12), ("quarterly", 12), ("annually", 36)].get(random.index(3)).unwrap_or(&("monthly", 1)));
    Article { name: format!("{noun} {number}"), sku: format!("SKU-{number:05}"), cents: 500 + random.below(200_000), term }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Which deal each line belongs to; one in forty belongs to none yet.
pub(crate) fn sold(data: &mut Data, seed: u64, ids: &Ids) {
    let mut random = Random::of_row(seed, SOLD_TOPIC, 0);
    for &line in &ids.line_items {
        if ids.deals.is_empty() || random.chance(25) {
            continue;
        }
        let deal = ids.deals[random.index(ids.deals.len())];
        data.edges.add((ObjectKind::LineItems, line), (ObjectKind::Deals, deal), 1);
    }
}

/// A product.
pub(crate) fn product_row(draw: &mut Draw<'_>, set: &mut Set<'_>) {
    let article = article(draw.number as u64);
    let random = &mut *draw.random;
    set("name", &article.name);
    if random.chance(900) {
        set("hs_sku", &article.sku);
    }
    // Some have no price: it is agreed each time.
    match random.below(20) {
        0 => set("price", ""),
        1 => {}
        _ => set("price", &money(article.cents)),
    }
    if random.chance(400) {
        set("hs_cost_of_goods_sold", &money(article.cents / 3));
    }
    if random.chance(300) {
        set("description", random.pick(&["Billed in advance", "<p>Two days, <b>on site</b></p>", "für Großkunden"]));
    }
    if let Some((frequency, months)) = article.term {
        set("recurringbillingfrequency", frequency);
        set("hs_recurring_billing_period", &format!("P{months}M"));
    }
    if random.chance(200) {
        set("shelf", &format!("{}-{}", random.below(9), random.below(99)));
    }
}

/// A line of a deal.
pub(crate) fn line_item_row(draw: &mut Draw<'_>, set: &mut Set<'_>) {
    let products = &draw.ids.products;
    let random = &mut *draw.random;
    let place = random.below((products.len() as u64).max(1));
    let article = article(place);
    // One in ten was written by hand, without a product.
    if let Some(product) = usize::try_from(place).ok().and_then(|place| products.get(place)).filter(|_| !random.chance(100)) {
        set("hs_product_id", &product.to_string());
        set("hs_sku", &article.sku);
    }
    set("name", &article.name);
    let quantity = 1 + random.below(40);
    set("quantity", &if random.chance(50) { format!("{quantity}.5") } else { quantity.to_string() });
    set("price", &money(article.cents));
    let half = random.chance(200).then_some(article.cents / 20);
    if let Some(discount) = half {
        set("discount", &money(discount));
    }
    let discount = half.unwrap_or(0) * quantity;
    set("hs_total_discount", &money(discount));
    set("amount", &money(article.cents * quantity - discount));
    if random.chance(800) {
        set("hs_line_item_currency_code", choice(random, CURRENCIES));
    }
    if let Some((frequency, months)) = article.term {
        set("recurringbillingfrequency", frequency);
        set("hs_recurring_billing_period", &format!("P{months}M"));
        set("hs_term_in_months", &months.to_string());
    }
}

/// Lists of people and companies. The first is of everybody, the last of companies, where there are several.
pub(crate) fn lists(data: &mut Data, options: &Options, ids: &Ids, until: i64) {
    let count = options.list_count();
    for number in 0..count {
        let mut random = Random::of_row(options.seed, LIST_TOPIC, number as u64);
        let of_companies = number > 0 && number + 1 == count;
        let (kind, records) = if of_companies { (ObjectKind::Companies, &ids.companies) } else { (ObjectKind::Contacts, &ids.contacts) };
        let per_mille = if number == 0 { 1_000 } else { 50 + random.below(300) };
        let created_at = until - 300 * DAY - below(&mut random, 400 * DAY);
        let list_kind = [ListKind::Dynamic, ListKind::Manual, ListKind::Snapshot][random.index(3)];
        let mut list = List::new(&format!("List {number}: {}", random.pick(&["newsletter", "VIP", "fair", "Neukunden"])), kind, list_kind);
        for record in records.iter().filter(|record| data.is_live(kind, **record)) {
            if random.chance(per_mille) {
                list.members.insert(*record, created_at + below(&mut random, 290 * DAY));
            }
        }
        let updated_at = list.members.values().copied().max().unwrap_or(created_at);
        data.lists.insert(number as u64 + 1, created_at, updated_at, list);
    }
}
