//! The arguments of the program, for each vendor.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use aqueduct_simulator::{brevo, hubspot, salesforce};

pub(crate) const USAGE: &str = "usage: aqueduct-simulator brevo [--port N] [--seed N] [--contacts N] [--limits none|free] [--no-gzip]
       aqueduct-simulator hubspot [--port N] [--seed N] [--contacts N] [--companies N] [--deals N] [--products N]
                                  [--line-items N] [--lists N] [--owners N]
                                  [--index-lag SECONDS] [--limits none|starter|professional|public-app] [--no-gzip]
       aqueduct-simulator salesforce [--port N] [--seed N] [--contacts N] [--accounts N] [--leads N] [--opportunities N]
                                     [--tasks N] [--events N] [--campaigns N] [--members N] [--individuals N]
                                     [--subscriptions N] [--users N] [--page-records N] [--commit-lag SECONDS]
                                     [--bulk-seconds SECONDS] [--limits none|developer|enterprise] [--no-gzip]
";

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Asked {
    Brevo(brevo::Account, brevo::Options),
    HubSpot(Box<hubspot::Options>),
    Salesforce(Box<salesforce::Options>),
}

/// Reads the arguments.
pub(crate) fn asked(arguments: &[String]) -> Result<Asked, String> {
    let Some((vendor, rest)) = arguments.split_first() else { return Err("which vendor?".to_owned()) };
    match vendor.as_str() {
        "brevo" => {
            let mut account = brevo::Account::default();
            let mut options = brevo::Options::default();
            read(rest, |argument| brevo_option(&mut account, &mut options, argument))?;
            Ok(Asked::Brevo(account, options))
        }
        "hubspot" => {
            let mut options = hubspot::Options::default();
            read(rest, |argument| hubspot_option(&mut options, argument))?;
            Ok(Asked::HubSpot(Box::new(options)))
        }
        "salesforce" => {
            let mut options = salesforce::Options::default();
            read(rest, |argument| salesforce_option(&mut options, argument))?;
            Ok(Asked::Salesforce(Box::new(options)))
        }
        other => Err(format!("there is no simulator of \"{other}\"")),
    }
}

/// A named option; a flag has no value.
struct Argument<'a> {
    name: &'a str,
    value: &'a str,
}

impl Argument<'_> {
    fn wrong<T>(&self) -> Result<T, String> {
        Err(format!("{} cannot be \"{}\"", self.name, self.value))
    }

    fn number<T: FromStr<Err: Display>>(&self) -> Result<T, String> {
        self.value.parse().or_else(|_| self.wrong())
    }

    fn seconds(&self) -> Result<Duration, String> {
        self.number().map(Duration::from_secs)
    }

    fn unknown(&self) -> Result<(), String> {
        Err(format!("unknown option {}", self.name))
    }
}

fn read(arguments: &[String], mut take: impl FnMut(&Argument<'_>) -> Result<(), String>) -> Result<(), String> {
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = if name == "--no-gzip" { "" } else { arguments.next().ok_or_else(|| format!("{name} needs a value"))? };
        take(&Argument { name, value })?;
    }
    Ok(())
}

fn brevo_option(account: &mut brevo::Account, options: &mut brevo::Options, argument: &Argument<'_>) -> Result<(), String> {
    match argument.name {
        "--no-gzip" => options.gzip = false,
        "--port" => options.port = argument.number()?,
        "--seed" => options.seed = argument.number()?,
        "--contacts" => account.contacts = argument.number()?,
        "--limits" => {
            account.limits = match argument.value {
                "none" => brevo::Limits::None,
                "free" => brevo::Limits::Free,
                _ => return argument.wrong(),
            }
        }
        _ => return argument.unknown(),
    }
    Ok(())
}

fn hubspot_option(options: &mut hubspot::Options, argument: &Argument<'_>) -> Result<(), String> {
    match argument.name {
        "--no-gzip" => options.gzip = false,
        "--port" => options.port = argument.number()?,
        "--seed" => options.seed = argument.number()?,
        "--contacts" => options.contacts = argument.number()?,
        "--companies" => options.companies = Some(argument.number()?),
        "--deals" => options.deals = Some(argument.number()?),
        "--products" => options.products = Some(argument.number()?),
        "--line-items" => options.line_items = Some(argument.number()?),
        "--lists" => options.lists = Some(argument.number()?),
        "--owners" => options.owners = argument.number()?,
        "--index-lag" => options.index_lag = argument.seconds()?,
        "--limits" => {
            options.limits = match argument.value {
                "none" => hubspot::Limits::none(),
                "starter" => hubspot::Limits::starter(),
                "professional" => hubspot::Limits::professional(),
                "public-app" => hubspot::Limits::public_app(),
                _ => return argument.wrong(),
            }
        }
        _ => return argument.unknown(),
    }
    Ok(())
}

fn salesforce_option(options: &mut salesforce::Options, argument: &Argument<'_>) -> Result<(), String> {
    match argument.name {
        "--no-gzip" => options.gzip = false,
        "--port" => options.port = argument.number()?,
        "--seed" => options.seed = argument.number()?,
        "--contacts" => options.contacts = argument.number()?,
        "--accounts" => options.accounts = Some(argument.number()?),
        "--leads" => options.leads = Some(argument.number()?),
        "--opportunities" => options.opportunities = Some(argument.number()?),
        "--tasks" => options.tasks = Some(argument.number()?),
        "--events" => options.events = Some(argument.number()?),
        "--campaigns" => options.campaigns = Some(argument.number()?),
        "--members" => options.campaign_members = Some(argument.number()?),
        "--individuals" => options.individuals = Some(argument.number()?),
        "--subscriptions" => options.subscriptions = Some(argument.number()?),
        "--users" => options.users = argument.number()?,
        "--page-records" => options.page_records = Some(argument.number()?),
        "--commit-lag" => options.commit_lag = argument.seconds()?,
        "--bulk-seconds" => options.bulk.running = argument.seconds()?,
        "--limits" => {
            options.limits = match argument.value {
                "none" => salesforce::Limits::none(),
                "developer" => salesforce::Limits::developer(),
                "enterprise" => salesforce::Limits::enterprise(),
                _ => return argument.wrong(),
            }
        }
        _ => return argument.unknown(),
    }
    Ok(())
}
