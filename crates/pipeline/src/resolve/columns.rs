//! Which column of a list holds what: as told, and for the rest by its header and its values.

use aqueduct_identity::{Attribute, DateOrder, Entity, date_digits};
use aqueduct_schema::{Error, Result, codes};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holds {
    /// A value that is compared.
    Value(Attribute),
    /// A part of the birth date that has columns of its own.
    Year,
    Month,
    Day,
    /// A web site, whose domain is compared.
    Website,
}

use Attribute::{
    BirthDate, City, Company, Country, Domain, Email, ExternalId, FirstName, FullName, HouseNumber, LastName, MiddleName, NameSuffix,
    Phone, PostalCode, Region, Street,
};

/// What can be told with `--columns`, what it holds, and the headers by which it is guessed: lower case, letters and digits
/// alone, the likeliest first.
const WORDS: &[(&str, Holds, &str)] = &[
    (
        "first_name",
        Holds::Value(FirstName),
        "firstname givenname given forename forenames givennames fname first namefirst vorname rufname prenom nombre nombres \
         primernombre nome voornaam fornavn fornamn etunimi imie jmeno preferredname firstnm имя 名 名字",
    ),
    ("middle_name", Holds::Value(MiddleName), "middlename middle middlenames mname middleinitial secondname zweitername"),
    (
        "last_name",
        Holds::Value(LastName),
        "lastname surname familyname lname last family namelast nachname familienname zuname nomdefamille apellido apellidos \
         primerapellido cognome sobrenome achternaam etternavn efternavn efternamn sukunimi nazwisko prijmeni lastnm sname \
         фамилия 姓 姓氏",
    ),
    (
        "name",
        Holds::Value(FullName),
        "name fullname contactname displayname contact personname customername vollername nomcomplet nombrecompleto \
         nomecompleto person membername patientname clientname namefull volledigenaam полноеимя фио 姓名 الاسم",
    ),
    ("name_suffix", Holds::Value(NameSuffix), "suffix namesuffix generation generationalsuffix"),
    (
        "email",
        Holds::Value(Email),
        "email emailaddress mail emailadress primaryemail workemail email1 email2 contactemail mailaddress emailid courriel \
         correo correoelectronico emailadresse mailadresse epost personalemail secondaryemail useremail emailwork emailpersonal \
         emailprimary почта 邮箱 电子邮件",
    ),
    (
        "phone",
        Holds::Value(Phone),
        "phone phonenumber telephone tel telephonenumber businessphone workphone primaryphone phone1 phone2 mobile mobilephone \
         mobilenumber cell cellphone mobilephonenumber homephone telefon telefonnummer handy mobil telefono telefone celular \
         movil phoneno telno contactnumber telefoon portable mobileno phonemobile phonehome phonework tel1 tel2 handynummer \
         mobiltelefon landline mobilnummer mobilfunk mobilfunknummer mobiltelefonnummer rufnummer telnr telefonnr telefonprivat \
         telefongeschaeftlich telefonmobil numerodetelephone telephoneportable numerodetelefono telefonomovil telefonofijo \
         cellulare numeroditelefono telemovel telefoonnummer mobielnummer mobiel puhelin puhelinnumero телефон 电话 手机 الهاتف",
    ),
    (
        "birth_date",
        Holds::Value(BirthDate),
        "birthdate dateofbirth birthday dob birthdt datebirth bdate geburtsdatum geburtstag gebdatum datedenaissance naissance \
         fechanacimiento fechadenacimiento datadinascita datanascimento geboortedatum fodselsdato dataurodzenia born borndate \
         birth dtbirth gebam geborenam geboren gebdat gebdatum datedenaiss fechadenac fechanac fnacimiento nascimento \
         fodselsdag датарождения 出生日期 生日",
    ),
    ("birth_year", Holds::Year, "birthyear yearofbirth yob by byear geburtsjahr dobyear dobyyyy annee"),
    ("birth_month", Holds::Month, "birthmonth monthofbirth mob bm bmonth geburtsmonat dobmonth dobmm"),
    ("birth_day", Holds::Day, "birthdayofmonth dayofbirth bd bday geburtstagtag dobday dobdd"),
    (
        "house_number",
        Holds::Value(HouseNumber),
        "housenumber streetnumber houseno streetno hausnummer hausnr numero huisnummer housenum streetnum civic",
    ),
    (
        "street",
        Holds::Value(Street),
        "street address streetaddress line1 addrline1 address1line1 addressstreet streetandnumber address1 addressline1 mailingstreet street1 addr addr1 addressline billingstreet strasse \
         straße adresse anschrift rue direccion calle indirizzo via endereco adres straat streetname homeaddress postaladdress \
         mailingaddress billingaddress ulica adress residence straßehausnummer strassehausnummer straßehausnr strassehausnr \
         straßenr strassenr straßeundhausnummer strasseundhausnummer strnr адрес 地址",
    ),
    (
        "city",
        Holds::Value(City),
        "city town mailingcity locality suburb billingcity ort stadt ville ciudad citta cidade plaats wohnort municipality stad \
         miasto posttown citytown commune localidad woonplaats poblacion город 城市",
    ),
    (
        "region",
        Holds::Value(Region),
        "state region province stateregion stateprovince county mailingstate billingstate bundesland provincia estado \
         regioncode statecode territory kanton departement",
    ),
    (
        "postal_code",
        Holds::Value(PostalCode),
        "zip zipcode postalcode postcode mailingzip mailingpostalcode zippostalcode plz postleitzahl codepostal codigopostal \
         cap cep billingzip billingpostalcode pcode pincode cp kodpocztowy postnummer zip5 индекс 邮编",
    ),
    ("country", Holds::Value(Country), "country countrycode countryregion mailingcountry nation land pays pais paese billingcountry"),
    (
        "external_id",
        Holds::Value(ExternalId),
        "socsecid ssn socialsecuritynumber socialsecurity nationalid nationalinsurancenumber nino nhsnumber passport \
         passportnumber taxid taxnumber drivinglicence driverlicense driverslicense personnummer cpf cnpj dni nif steuernummer \
         vat vatnumber vatid vatno ustid ustidnr registrationnumber companynumber companyregistration siren siret duns \
         dunsnumber ein lei crn abn handelsregisternummer nationalinsurance idnumber curp",
    ),
    (
        "company",
        Holds::Value(Company),
        "company companyname organisation organization organisationname organizationname accountname account employer firma \
         unternehmen entreprise societe empresa azienda bedrijf business businessname legalname firm org foretag firmenname \
         razonsocial ragionesociale vendor vendorname supplier suppliername merchant brand",
    ),
    ("domain", Holds::Value(Domain), "domain companydomain companydomainname domainname emaildomain"),
    ("website", Holds::Website, "website websiteurl url web homepage site webseite sitioweb siteweb companyurl"),
];

/// Other words for the same that `--columns` takes.
const ALSO: &[(&str, &str)] = &[
    ("full_name", "name"),
    ("company_name", "company"),
    ("mobile", "phone"),
    ("phone_e164", "phone"),
    ("mobile_e164", "phone"),
    ("vat_number", "external_id"),
    ("registration_number", "external_id"),
    ("region_code", "region"),
    ("country_code", "country"),
    ("suffix", "name_suffix"),
    ("website_url", "website"),
    ("surname", "last_name"),
    ("given_name", "first_name"),
    ("date_of_birth", "birth_date"),
    ("dob", "birth_date"),
    ("postcode", "postal_code"),
    ("zip", "postal_code"),
    ("state", "region"),
];

/// The words that `--columns` takes.
pub fn resolve_columns() -> Vec<&'static str> {
    WORDS.iter().map(|(word, ..)| *word).collect()
}

/// A column that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedColumn {
    /// What it holds, in the words of `--columns`.
    pub holds: &'static str,
    /// Its header.
    pub header: String,
    /// Whether that was guessed.
    pub is_guess: bool,
    pub(crate) index: usize,
    pub(crate) kind: Holds,
}

/// A column as it was told: what it holds, and its header.
pub type ToldColumn = (String, String);

/// Checks what was told, before any file is read.
pub(crate) fn check(told: &[ToldColumn]) -> Result<()> {
    for (word, _) in told {
        known(word)?;
    }
    Ok(())
}

fn known(word: &str) -> Result<&'static (&'static str, Holds, &'static str)> {
    let wanted = ALSO.iter().find(|(also, _)| *also == word).map_or(word, |(_, word)| word);
    WORDS.iter().find(|(known, ..)| *known == wanted).ok_or_else(|| {
        Error::new(codes::BAD_USAGE, format!("`{word}` is nothing that a column can hold"))
            .advise(format!("Use one of: {}.", resolve_columns().join(", ")))
    })
}

/// The columns of a list that are used. `values` are those of some rows, by column.
pub(crate) fn choose(
    entity: Entity,
    headers: &[String],
    id: usize,
    told: &[ToldColumn],
    values: &[Vec<String>],
) -> Result<Vec<UsedColumn>> {
    let mut used: Vec<UsedColumn> = Vec::new();
    for (word, header) in told {
        let (word, kind, _) = known(word)?;
        let Some(index) = headers.iter().position(|found| found == header.trim()) else { continue };
        let kind = if (entity, *word) == (Entity::Account, "name") { Holds::Value(Company) } else { *kind };
        used.push(UsedColumn { holds: word, header: header.clone(), is_guess: false, index, kind });
    }
    for (word, kind, spellings) in WORDS {
        let kind = if (entity, *word) == (Entity::Account, "name") { Holds::Value(Company) } else { *kind };
        if entity == Entity::Account && matches!(kind, Holds::Value(FirstName | MiddleName | LastName | NameSuffix | BirthDate)) {
            continue;
        }
        for spelling in spellings.split_whitespace() {
            let several = matches!(kind, Holds::Value(Email | Phone | ExternalId));
            if !several && used.iter().any(|column| column.kind == kind) {
                break;
            }
            let free = |index: usize| index != id && used.iter().all(|column| column.index != index);
            let found = headers.iter().enumerate().find(|(index, header)| free(*index) && letters(header) == spelling);
            if let Some((index, header)) = found.filter(|(index, _)| fits(kind, &values[*index])) {
                used.push(UsedColumn { holds: word, header: header.clone(), is_guess: true, index, kind });
            }
        }
    }
    // Addresses are recognised whatever the column is called.
    for (index, header) in headers.iter().enumerate() {
        let free = index != id && used.iter().all(|column| column.index != index);
        if free && share(&values[index], |value| value.split_once('@').is_some_and(|(_, domain)| domain.contains('.'))) > 0.8 {
            used.push(UsedColumn { holds: "email", header: header.clone(), is_guess: true, index, kind: Holds::Value(Email) });
        }
    }
    Ok(used)
}

/// A header's letters and digits in lower case.
fn letters(header: &str) -> String {
    header.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether most values of a column can be what its header says.
fn fits(kind: Holds, values: &[String]) -> bool {
    let digits = |value: &str| value.chars().filter(char::is_ascii_digit).count();
    let year = |value: &str| value.trim().trim_end_matches(".0").parse::<u32>().is_ok_and(|year| (1850..2100).contains(&year));
    let below =
        |value: &str, limit: u32| value.trim().trim_end_matches(".0").parse::<u32>().is_ok_and(|number| (1..=limit).contains(&number));
    match kind {
        Holds::Value(Email) => share(values, |value| value.contains('@')) >= 0.5,
        Holds::Value(Phone) => share(values, |value| digits(value) >= 5) >= 0.5,
        Holds::Value(BirthDate) => share(values, |value| date_digits(value, DateOrder::DayFirst).is_some()) >= 0.5,
        Holds::Value(FirstName | LastName | FullName | City | MiddleName) => {
            share(values, |value| value.chars().any(char::is_alphabetic)) >= 0.5
        }
        Holds::Year => share(values, year) >= 0.6,
        Holds::Month => share(values, |value| below(value, 12)) >= 0.5,
        Holds::Day => share(values, |value| below(value, 31)) >= 0.5,
        _ => true,
    }
}

/// The share of the values that have a property; 1 where there are none.
fn share(values: &[String], has: impl Fn(&str) -> bool) -> f64 {
    let all = values.len();
    if all == 0 { 1.0 } else { values.iter().filter(|value| has(value)).count() as f64 / all as f64 }
}

/// How dates of a column are written, by those that say it themselves; the day first where none does.
pub(crate) fn date_order(values: &[String]) -> DateOrder {
    let (mut day_first, mut month_first) = (0, 0);
    for value in values {
        let parts: Vec<u32> = value.split(['/', '.', '-', ' ']).filter_map(|part| part.parse().ok()).collect();
        match parts[..] {
            [first, second, _, ..] if (13..=31).contains(&first) && second <= 12 => day_first += 1,
            [first, second, _, ..] if first <= 12 && (13..=31).contains(&second) => month_first += 1,
            _ => {}
        }
    }
    if month_first > day_first { DateOrder::MonthFirst } else { DateOrder::DayFirst }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn guessed(entity: Entity, columns: &[(&str, &str)], told: &[(&str, &str)]) -> Vec<(&'static str, String, bool)> {
        let headers: Vec<String> = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
        let values: Vec<Vec<String>> = columns.iter().map(|(_, value)| vec![(*value).to_owned(); 3]).collect();
        let told: Vec<ToldColumn> = told.iter().map(|(word, header)| ((*word).to_owned(), (*header).to_owned())).collect();
        let used = choose(entity, &headers, 0, &told, &values).unwrap();
        used.into_iter().map(|column| (column.holds, column.header, column.is_guess)).collect()
    }

    #[test]
    fn columns_are_guessed_by_header_and_value() {
        let columns =
            [("id", "1"), ("Vorname", "Anna"), ("Nachname", "Muster"), ("E-Mail", "a@b.de"), ("Telefon", "none"), ("Kontakt 7", "c@d.de")];
        let expected = [("first_name", "Vorname"), ("last_name", "Nachname"), ("email", "E-Mail"), ("email", "Kontakt 7")];
        let found = guessed(Entity::Contact, &columns, &[]);
        assert_eq!(found, expected.map(|(word, header)| (word, header.to_owned(), true)));
    }

    #[test]
    fn headers_of_other_languages_are_known() {
        let columns =
            [("id", "1"), ("Mobilnummer", "0171 1234567"), ("geb. am", "7.9.1927"), ("Straße, Hausnr.", "Ringweg 1"), ("姓名", "王小明")];
        let expected = [("name", "姓名"), ("phone", "Mobilnummer"), ("birth_date", "geb. am"), ("street", "Straße, Hausnr.")];
        assert_eq!(guessed(Entity::Contact, &columns, &[]), expected.map(|(word, header)| (word, header.to_owned(), true)));
    }

    #[test]
    fn what_is_told_goes_before_what_is_guessed() {
        let columns = [("id", "1"), ("name", "Anna"), ("surname", "Muster"), ("cluster", "7"), ("dob", "19270907")];
        let found = guessed(Entity::Contact, &columns, &[("first_name", "name")]);
        let expected = [("first_name", "name", false), ("last_name", "surname", true), ("birth_date", "dob", true)];
        assert_eq!(found, expected.map(|(word, header, guess)| (word, header.to_owned(), guess)));
        let company = guessed(Entity::Account, &[("id", "1"), ("name", "Acme"), ("vat", "DE1")], &[]);
        assert_eq!(company, [("name", "name".to_owned(), true), ("external_id", "vat".to_owned(), true)]);
        assert!(known("colour").is_err());
    }

    #[test]
    fn the_order_of_dates() {
        let of = |values: &[&str]| date_order(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["01/02/1990", "03/25/1990"]), DateOrder::MonthFirst);
        assert_eq!(of(&["01/02/1990", "25/03/1990"]), DateOrder::DayFirst);
        assert_eq!(of(&["1990-12-25"]), DateOrder::DayFirst);
    }
}
