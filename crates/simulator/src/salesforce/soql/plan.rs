//! A query that knows its object: what to read, from where, and in which order.

use super::QueryError;
use super::dates;
use super::filter::{End, Filter, Operand, Source};
use super::grammar::{Condition, Literal, Named, Query, Selected, Sign, Sorted, parse};
use crate::salesforce::data::Data;
use crate::salesforce::fields::{Field, Kind, Origin, Schema};

/// The most records of a query with `FIELDS()`.
const FIELDS_LIMIT: u64 = 200;
const OFFSET_LIMIT: u64 = 2_000;
/// What a reference to one of several objects shows of any of them.
const NAME_FIELDS: [&str; 11] = ["Name", "Type", "Id", "FirstName", "LastName", "Email", "Phone", "Title", "Username", "Alias", "IsActive"];
/// How many references a path may follow.
const MAX_DEPTH: usize = 5;

/// A selected value in the tree that a JSON record is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Field(usize),
    /// A field by its name, behind a reference to one of several objects.
    Named(String),
    Relation {
        name: String,
        reference: usize,
        items: Vec<Item>,
    },
}

/// A selected value as a column of CSV.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) header: String,
    pub(crate) source: Source,
}

/// A value to sort by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// A query that knows its object.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) object: usize,
    pub(crate) items: Vec<Item>,
    pub(crate) columns: Vec<Column>,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    /// Whether only the number of records is asked for.
    pub(crate) count: bool,
    /// Whether a compound field is among the selected.
    pub(crate) compound: bool,
    pub(crate) grouped: bool,
}

struct Resolver<'a> {
    text: &'a str,
    data: &'a Data,
    query: &'a Query,
    schema: &'a Schema,
    now_ms: i64,
}

impl Plan {
    /// The plan of a query.
    pub(crate) fn new(data: &Data, text: &str, now_ms: i64) -> Result<Self, QueryError> {
        let query = parse(text)?;
        let Some(object) = data.visible_object(&query.object.name) else {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
                query.object.name
            );
            return Err(QueryError::at(text, query.object.at, "INVALID_TYPE", message));
        };
        let schema = &data.object(object).schema;
        Resolver { text, data, query: &query, schema, now_ms }.plan(object)
    }
}

impl Resolver<'_> {
    fn plan(&self, object: usize) -> Result<Plan, QueryError> {
        let query = self.query;
        if query.offset.is_some_and(|offset| offset > OFFSET_LIMIT) {
            return Err(QueryError::new("NUMBER_OUTSIDE_VALID_RANGE", format!("Maximum SOQL offset allowed is {OFFSET_LIMIT}")));
        }
        let mut plan = Plan {
            object,
            items: Vec::new(),
            columns: Vec::new(),
            filter: query.condition.as_ref().map(|condition| self.filter(condition)).transpose()?,
            order: query.order.iter().map(|sorted| self.order(sorted)).collect::<Result<_, _>>()?,
            limit: query.limit,
            offset: query.offset.unwrap_or(0),
            count: query.selected.contains(&Selected::Count),
            compound: false,
            grouped: query.grouped_at.is_some(),
        };
        if plan.count {
            if query.selected.len() > 1 {
                return Err(QueryError::new("MALFORMED_QUERY", "Grouped field should not be aggregated: COUNT()"));
            }
            return Ok(plan);
        }
        for selected in &query.selected {
            match selected {
                Selected::Field(field) => self.select(&mut plan, field)?,
                Selected::Fields(group) => self.select_all(&mut plan, group)?,
                Selected::Count => {}
            }
        }
        Ok(plan)
    }

    fn select_all(&self, plan: &mut Plan, group: &Named) -> Result<(), QueryError> {
        let (standard, custom) = match group.name.to_ascii_uppercase().as_str() {
            "ALL" => (true, true),
            "STANDARD" => (true, false),
            "CUSTOM" => (false, true),
            _ => return Err(QueryError::at(self.text, group.at, "MALFORMED_QUERY", format!("unexpected token: '{}'", group.name))),
        };
        if self.query.limit.is_none_or(|limit| limit > FIELDS_LIMIT) {
            let message = format!("The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT}");
            return Err(QueryError::new("MALFORMED_QUERY", message));
        }
        for field in self.schema.fields.iter().filter(|field| !field.hidden && if field.custom { custom } else { standard }) {
            if !plan.columns.iter().any(|column| column.header == field.name) {
                self.select(plan, &Named { name: field.name.clone(), at: group.at })?;
            }
        }
        Ok(())
    }

    fn select(&self, plan: &mut Plan, named: &Named) -> Result<(), QueryError> {
        let (source, names) = self.resolve(named)?;
        let header = names.join(".");
        if plan.columns.iter().any(|column| column.header == header) {
            return Err(QueryError::at(self.text, named.at, "INVALID_FIELD", format!("duplicate field selected: {header}")));
        }
        let mut items = &mut plan.items;
        for (reference, name) in source.path.iter().zip(&names) {
            let place = items.iter().position(|item| matches!(item, Item::Relation { reference: own, .. } if own == reference));
            let place = place.unwrap_or_else(|| {
                items.push(Item::Relation { name: name.clone(), reference: *reference, items: Vec::new() });
                items.len() - 1
            });
            let Item::Relation { items: inner, .. } = &mut items[place] else { return Ok(()) };
            items = inner;
        }
        match &source.end {
            End::Field(place) => items.push(Item::Field(*place)),
            End::Named(name) => items.push(Item::Named(name.clone())),
        }
        plan.compound |= self.field(&source).is_some_and(|field| field.kind == Kind::Address);
        plan.columns.push(Column { header, source });
        Ok(())
    }

    /// Where a name leads, and the names on the way as the schema writes them.
    fn resolve(&self, named: &Named) -> Result<(Source, Vec<String>), QueryError> {
        let mut parts: Vec<&str> = named.name.split('.').collect();
        let own = [self.query.alias.as_deref(), Some(self.query.object.name.as_str())];
        if parts.len() > 1
            && own.iter().flatten().any(|own| own.eq_ignore_ascii_case(parts[0]))
            && self.schema.relationship(parts[0]).is_none()
        {
            parts.remove(0);
        }
        let (mut schema, mut path, mut names) = (self.schema, Vec::new(), Vec::new());
        let last = parts.pop().unwrap_or_default();
        let mut several = false;
        for part in parts {
            let reference = schema.relationship(part).filter(|_| !several && path.len() < MAX_DEPTH);
            let Some(reference) = reference else {
                let message = format!(
                    "Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names."
                );
                return Err(QueryError::at(self.text, named.at, "INVALID_FIELD", message));
            };
            let field = &schema.fields[reference];
            path.push(reference);
            names.push(field.relationship.clone().unwrap_or_default());
            several = field.refers_to.len() > 1;
            if let Some(target) = field.refers_to.first().and_then(|target| self.data.visible_object(target)) {
                schema = &self.data.object(target).schema;
            }
        }
        let missing = |entity: &str| {
            let message = format!(
                "No such column '{last}' on entity '{entity}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
            );
            QueryError::at(self.text, named.at, "INVALID_FIELD", message)
        };
        if several {
            let name = NAME_FIELDS.iter().find(|name| name.eq_ignore_ascii_case(last)).ok_or_else(|| missing("Name"))?;
            names.push((*name).to_owned());
            return Ok((Source { path, end: End::Named((*name).to_owned()) }, names));
        }
        let place = schema.visible(last).ok_or_else(|| missing(&schema.name))?;
        names.push(schema.fields[place].name.clone());
        Ok((Source { path, end: End::Field(place) }, names))
    }

    /// The field at the end of a path, where it is one object's.
    fn field(&self, source: &Source) -> Option<&Field> {
        let End::Field(place) = source.end else { return None };
        let mut schema = self.schema;
        for reference in &source.path {
            let target = schema.fields[*reference].refers_to.first()?;
            schema = &self.data.object(self.data.visible_object(target)?).schema;
        }
        schema.fields.get(place)
    }

    fn order(&self, sorted: &Sorted) -> Result<Order, QueryError> {
        let (source, _) = self.resolve(&sorted.field)?;
        let field = self.field(&source);
        if field.is_some_and(|field| !field.sortable()) {
            let message = format!("field '{}' can not be sorted in a query call", sorted.field.name);
            return Err(QueryError::at(self.text, sorted.field.at, "INVALID_FIELD", message));
        }
        let kind = field.map_or(Kind::Text, |field| field.kind);
        let nulls_first = sorted.nulls_first.unwrap_or(!sorted.descending);
        Ok(Order { source, kind, descending: sorted.descending, nulls_first })
    }

    fn filter(&self, condition: &Condition) -> Result<Filter, QueryError> {
        let all = |conditions: &[Condition]| conditions.iter().map(|condition| self.filter(condition)).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::And(conditions) => Filter::And(all(conditions)?),
            Condition::Or(conditions) => Filter::Or(all(conditions)?),
            Condition::Not(inner) => Filter::Not(Box::new(self.filter(inner)?)),
            Condition::Compare { field, sign, literal, at } => {
                let (source, kind) = self.filtered(field)?;
                if *sign == Sign::Like && !is_text(kind) {
                    let message = format!("invalid operator on {} field", kind.names().0);
                    return Err(QueryError::at(self.text, field.at, "INVALID_QUERY_FILTER_OPERATOR", message));
                }
                let operand = self.operand(field, kind, literal, *at)?;
                Filter::Compare { source, sign: *sign, operand }
            }
            Condition::In { field, negated, literals } => {
                let (source, kind) = self.filtered(field)?;
                let operand = |(literal, at): &(Literal, usize)| self.operand(field, kind, literal, *at);
                Filter::In { source, negated: *negated, operands: literals.iter().map(operand).collect::<Result<_, _>>()? }
            }
        })
    }

    fn filtered(&self, named: &Named) -> Result<(Source, Kind), QueryError> {
        let (source, _) = self.resolve(named)?;
        let field = self.field(&source);
        if field.is_some_and(|field| !field.filterable) {
            let message = format!("field '{}' can not be filtered in a query call", named.name);
            return Err(QueryError::at(self.text, named.at, "INVALID_FIELD", message));
        }
        let kind = field.map_or(Kind::Text, |field| if field.origin == Origin::Deleted { Kind::Check } else { field.kind });
        Ok((source, kind))
    }

    fn operand(&self, named: &Named, kind: Kind, literal: &Literal, at: usize) -> Result<Operand, QueryError> {
        if matches!(literal, Literal::Name(name) if name.eq_ignore_ascii_case("null")) {
            return Ok(Operand::Null);
        }
        let wrong = || {
            let quotes = if is_text(kind) || matches!(kind, Kind::Id | Kind::Reference) { "should be" } else { "should not be" };
            let kind = match kind.names().0 {
                "datetime" => "dateTime",
                text if is_text(kind) && text != "string" => "string",
                other => other,
            };
            let message =
                format!("value of filter criterion for field '{}' must be of type {kind} and {quotes} enclosed in quotes", named.name);
            QueryError::at(self.text, named.at, "INVALID_FIELD", message)
        };
        let span = |name: &str| dates::named(name, self.now_ms);
        match (kind, literal) {
            (Kind::Id | Kind::Reference, Literal::Text(id)) => {
                if !crate::salesforce::ids::is_id(id) {
                    let message = format!("invalid ID field: {id}");
                    return Err(QueryError::at(self.text, at, "INVALID_QUERY_FILTER_OPERATOR", message));
                }
                Ok(Operand::Id(id.clone()))
            }
            (kind, Literal::Text(text)) if is_text(kind) => Ok(Operand::Text(text.clone())),
            (Kind::Check, Literal::Name(name)) if name.eq_ignore_ascii_case("true") || name.eq_ignore_ascii_case("false") => {
                Ok(Operand::Plain(name.to_ascii_lowercase()))
            }
            (Kind::Stamp, Literal::Number(text)) => dates::instant(text).map(|time| Operand::Times(time..time + 1)).ok_or_else(wrong),
            (Kind::Stamp, Literal::Name(name)) => {
                let (from, to) = span(name).ok_or_else(wrong)?;
                Ok(Operand::Times(dates::midnight(from)..dates::midnight(to)))
            }
            (Kind::Date, Literal::Number(text)) => dates::date(text).map(|date| Operand::Plain(date.to_owned())).ok_or_else(wrong),
            (Kind::Date, Literal::Name(name)) => {
                let (from, to) = span(name).ok_or_else(wrong)?;
                Ok(Operand::Days(from.to_string(), to.to_string()))
            }
            (kind, Literal::Number(text)) if kind.is_number() => text.parse().map(Operand::Number).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

fn is_text(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Area | Kind::Email | Kind::Phone | Kind::Url | Kind::Pick | Kind::Multi)
}
