//! Entities of what is sold: products, and the lines of a deal.

use crate::entity::{Entity, Field};
use crate::semantic::SemanticType::{Category, Count, CurrencyCode, Flag, Label, Money, Ratio, SourceId};
use crate::semantic::Sensitivity;

/// Something that is sold.
pub const PRODUCT: Entity = Entity {
    name: "product",
    description: "Something that can be sold, at the price of the catalogue.",
    fields: &[
        Field::new("name", Label, "The product's name.").sensitive(Sensitivity::None),
        Field::new("sku", SourceId, "The article's number."),
        Field::new("unit_price", Money, "The price of one, in its currency."),
        Field::new("currency_code", CurrencyCode, "The currency of the price."),
        Field::new("recurring_period", Category, "How often the price is due again; empty where it is paid once."),
        Field::new("is_active", Flag, "Whether it is still sold."),
    ],
};

/// A line of a deal.
pub const LINE_ITEM: Entity = Entity {
    name: "line_item",
    description: "A product as a part of a deal, at the price that was agreed.",
    fields: &[
        Field::reference("deal_id", "deal", "The deal."),
        Field::reference("product_id", "product", "The product; empty for a line without one."),
        Field::new("name", Label, "The line's name.").sensitive(Sensitivity::None),
        Field::new("quantity", Ratio, "How many."),
        Field::new("unit_price", Money, "The price of one."),
        Field::new("discount", Money, "What is taken off the line, as an amount."),
        Field::new("total", Money, "What the line comes to."),
        Field::new("currency_code", CurrencyCode, "The currency of the line."),
        Field::new("term_months", Count, "For how many months it is agreed."),
    ],
};
