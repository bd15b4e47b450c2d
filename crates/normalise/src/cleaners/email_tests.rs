//! Vectors of the cleaner of e-mail addresses.

use aqueduct_schema::SemanticType::Email;

use super::vectors::check;

#[test]
fn addresses_and_their_dirt() {
    check(
        Email,
        &[
            ("ada@acme.com", Some("ada@acme.com"), ""),
            ("Ada.Lovelace@acme.co.uk", Some("Ada.Lovelace@acme.co.uk"), ""),
            ("o'brien+news@acme.com", Some("o'brien+news@acme.com"), ""),
            ("ada@example.com", Some("ada@example.com"), ""),
            ("a@xn--bcher-kva.de", Some("a@xn--bcher-kva.de"), ""),
            (" ada@acme.com\t", Some("ada@acme.com"), "email.spaces_removed"),
            ("ada@acme.com\u{200b}", Some("ada@acme.com"), "email.spaces_removed"),
            ("ada\u{200b}@acme.com", Some("ada@acme.com"), "email.spaces_removed"),
            ("ada @ acme.com", Some("ada@acme.com"), "email.spaces_removed"),
            ("Ada@ACME.COM", Some("Ada@acme.com"), "email.domain_normalised"),
            ("ada@bücher.de", Some("ada@xn--bcher-kva.de"), "email.domain_normalised"),
            ("ａｄａ＠ａｃｍｅ．ｃｏｍ", Some("ada@acme.com"), "email.width_normalised"),
            ("mailto:ada@acme.com?subject=Hi", Some("ada@acme.com"), "email.mailto_removed"),
            ("MAILTO:ada@acme.com", Some("ada@acme.com"), "email.mailto_removed"),
            ("<ada@acme.com>", Some("ada@acme.com"), "email.punctuation_removed"),
            ("\"Lovelace, Ada\" <ada@acme.com>", Some("ada@acme.com"), "email.display_name_removed"),
            ("\"ada@acme.com\"", Some("ada@acme.com"), "email.punctuation_removed"),
            ("'ada@acme.com", Some("ada@acme.com"), "email.punctuation_removed"),
            ("ada@acme.com.", Some("ada@acme.com"), "email.punctuation_removed"),
            ("ada@acme.com,", Some("ada@acme.com"), "email.punctuation_removed"),
            ("ada@mail.test", Some("ada@mail.test"), "email.special_use_domain"),
            ("ada@host.localhost", Some("ada@host.localhost"), "email.special_use_domain"),
            ("ada@gmail.cmo", Some("ada@gmail.cmo"), "email.unknown_suffix"),
            (".ada@acme.com", Some(".ada@acme.com"), "email.misplaced_dot"),
            ("ada.@acme.com", Some("ada.@acme.com"), "email.misplaced_dot"),
            ("\"ada@home\"@acme.com", Some("\"ada@home\"@acme.com"), "email.quoted_local_part"),
            ("用户@acme.com", Some("用户@acme.com"), "email.unicode_local_part"),
            ("ada@[IPv6:2001:db8::1]", Some("ada@[IPv6:2001:db8::1]"), "email.ip_literal"),
            ("ada@acme.com, bob@acme.com", None, "email.several_addresses"),
            ("ada@acme.com/bob@acme.com", None, "email.several_addresses"),
            ("ada(at)acme.com", None, "email.no_at_sign"),
            ("ada@@acme.com", None, "email.too_many_at_signs"),
            ("ada lovelace@acme.com", None, "email.inner_space"),
            ("ada@ac me.com", None, "email.inner_space"),
            ("ada@gmail,com", None, "email.bad_domain"),
            ("ada@-acme.com", None, "email.bad_domain"),
            ("ada@192.0.2.1", None, "email.bad_domain"),
            ("ada@acme..com", None, "email.bad_domain"),
            ("ada@[300.1.1.1]", None, "email.bad_domain"),
            ("ada@acme", None, "email.single_label_domain"),
            ("@acme.com", None, "email.no_local_part"),
            ("ada@", None, "email.bad_domain"),
            ("noemail@noemail.com", None, "email.placeholder"),
            ("N/A", None, "email.placeholder"),
            ("na", None, "email.placeholder"),
            ("", None, "email.empty"),
        ],
    );
}
