//! Individuals and what they agreed to.

pub(super) const OBJECTS: &[&str] = &[INDIVIDUAL, TYPE_CONSENT, POINT_CONSENT, PURPOSE, EMAIL_POINT, PHONE_POINT];

const INDIVIDUAL: &str = "Individual 0PK Individuals
MasterRecordId ref(Individual) ro
OwnerId ref(User)
LastName text(80) req in(Name)
FirstName text(40) in(Name)
Salutation pick(Mr.|Ms.|Mrs.|Dr.|Prof.|Mx.) in(Name)
Name text(121) ro req
HasOptedOutTracking check
HasOptedOutProfiling check
HasOptedOutProcessing check
HasOptedOutSolicit check
ShouldForget check
SendIndividualData check
CanStorePiiElsewhere check
HasOptedOutGeoTracking check
BirthDate date
IndividualsAge pick(13 or Older|16 or Older)
IsHomeOwner check
Occupation text(150)
Website url(255)
LastViewedDate stamp ro";

const TYPE_CONSENT: &str = "ContactPointTypeConsent 0Zl ContactPointTypeConsents
OwnerId ref(Group|User)
Name text(255) req
PartyId ref(Individual) req rel(Party)
DataUsePurposeId ref(DataUsePurpose)
ContactPointType pick(Email|Phone|MailingAddress|Social|Web) req
CaptureContactPointType pick(Email|Phone|MailingAddress|Social|Web) req
PrivacyConsentStatus pick(OptIn|OptOut|Seen|NotSeen)
EffectiveFrom stamp
EffectiveTo stamp
CaptureDate stamp req
CaptureSource text(255) req
DoubleConsentCaptureDate stamp
LastViewedDate stamp ro
LastReferencedDate stamp ro";

const POINT_CONSENT: &str = "ContactPointConsent 0Zo ContactPointConsents
OwnerId ref(Group|User)
Name text(255) req
ContactPointId ref(ContactPointEmail|ContactPointPhone) req
DataUsePurposeId ref(DataUsePurpose)
CaptureContactPointType pick(Email|Phone|MailingAddress|Social|Web) req
PrivacyConsentStatus pick(OptIn|OptOut|Seen|NotSeen)
EffectiveFrom stamp
EffectiveTo stamp
CaptureDate stamp req
CaptureSource text(255) req
DoubleConsentCaptureDate stamp
EngagementChannelTypeId text(18)
LastViewedDate stamp ro
LastReferencedDate stamp ro";

const PURPOSE: &str = "DataUsePurpose 0ZW DataUsePurposes
OwnerId ref(Group|User)
Name text(255) req
LegalBasisId text(18)
Description area(255)
CanDataSubjectOptOut check";

const EMAIL_POINT: &str = "ContactPointEmail 0Pp ContactPointEmails
OwnerId ref(Group|User)
ParentId ref(Individual|Account)
EmailAddress email req
ActiveFromDate date
ActiveToDate date
IsPrimary check";

const PHONE_POINT: &str = "ContactPointPhone 0Ow ContactPointPhones
OwnerId ref(Group|User)
ParentId ref(Individual|Account)
TelephoneNumber phone req
ActiveFromDate date
ActiveToDate date
IsPrimary check";
