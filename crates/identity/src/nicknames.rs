//! Forms of one given name: short forms, pet names, the same name in another language.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Each line is one name. A form that belongs to several names stands on several lines.
const GROUPS: &str = "\
abigail abby abbie gail
abraham abe bram avraham ibrahim
adam addy
agnes aggie nessa ines
albert al bert bertie albrecht alberto
alexander alex al sandy xander alec sasha aleksandr alexandre alejandro aleksander alessandro sandro oleksandr iskander alistair
alexandra alex sandra sandy lexi sasha aleksandra alejandra alessandra
alfred alf fred alfie alfredo
alice ali ally alicia
allan alan allen al
amanda mandy
amelia millie amy emilia
andrew andy drew andreas andre andrea andrei andrey andrzej andres anders
angela angie angelina
anna ann anne annie anya hannah anita nancy annika
anne ann anna annie nancy
annemarie anne marie anna
anthony tony anton antoine antonio toni antoni
antonia toni tonya
arthur art artie arturo
barbara barb barbie babs bobbie
benjamin ben benny benji
bernard bernie bernhard bernardo
beatrice bea trixie beatriz
bradley brad
bridget biddy bridie brigitte birgit
cameron cam
caroline carol carrie carolyn karoline carolina
catherine katherine kathryn cathy kathy kate katie cat kit kitty cate katharina katarina catherina ekaterina katya katrin catalina kathleen katarzyna
charles charlie chuck chas charly karl carl carlos carlo
charlotte lottie charlie lotte carlotta
christina tina chris christine chrissy kristina kirsten christiane
christopher chris kit topher christoph christian kristof cristobal christophe
clifford cliff
constance connie
cynthia cindy
daniel dan danny daniele danilo
daniela dani danielle
david dave davy davey dawid
deborah deb debbie debra
dennis denny denis
dmitry dmitri dima mitya dmitriy dmytro
dominic dom nick dominik domingo
donald don donnie
dorothy dot dottie dolly dorothea
douglas doug
edward ed eddie ted ned eduard eduardo edouard
eleanor ellie nell nora elena leonora
elizabeth liz lizzie beth betty eliza lisa libby bess elisabeth elise elsa isabel elspeth betsy liza lilly
emily em emmy emma millie
ernest ernie ernst ernesto
eugene gene evgeny yevgeny eugen
evelyn eve evie
ferdinand fernando ferdi
florence flo flora florrie
frances fran fanny francesca franziska francisca frankie
francis frank frankie francisco franz francesco paco pancho francois franciszek
frederick fred freddie friedrich fritz federico frederic
gabriel gabe
gabriella gabby gabi ella gabriele gabrielle
geoffrey jeff geoff jeffrey jeffry godfrey
george georg georges jorge giorgio jerzy yuri georgi juergen jurgen
georgina georgie gina georgia
gerald gerry jerry gerhard gerd gerard gerardo
gertrude trudy gert
giovanni gianni gio john
gregory greg gregor grigory
guenther gunther gunter guenter gunnar
gustav gus gustavo
harold harry hal harald
harriet hattie harri
helen nell ellen lena helene helena elena
henry harry hank hal heinrich henri enrique enrico heinz hendrik
hubert bert hugh hugo
ian iain john
ignacio nacho ignatius
irene rene irina ira
isabella bella izzy isabel belle isabelle
ivan vanya john
jacob jake jakob yakov jacobo
jacqueline jackie jacqui
james jim jimmy jamie jem jaime
jane janie jenny jean johanna
janet jan jenny
jeremy jerry jez jeremiah
jennifer jen jenny jenna
jessica jess jessie
joan joanie jo
joanna jo joanne joan johanna joann
john jack johnny jon jonny johannes hans johann juan jean giovanni ivan jan sean ian joao janos
jonathan jon jonny nathan john
joseph joe joey josef sepp jose giuseppe pepe iosif josip jozef youssef yusuf beppe
josephine jo josie josefine
joshua josh
judith judy jude
julia julie jules yulia giulia
julian jules julius
juliana julie
katrina kat trina kate
kenneth ken kenny
kimberly kim
konstantin kostya konstantinos costas constantine
laurence larry lawrence laurie lorenz lorenzo laurent
leonard leo len lenny leonardo leonhard leon
leslie les lesley
lillian lily lilian lil
louis lou lewis louie luis ludwig luigi
louise lou lulu luisa louisa luise
lucille lucy lucia luzia
magdalena lena maggie magda magdalene
malcolm mal
marcus marc mark markus marco marcos
margaret maggie meg peggy marge margie rita greta gretchen daisy margarete margarita marguerite margot madge małgorzata malgorzata gosia
maria mary marie mia maura miriam mariya mitzi masha
martha marty patty
martin marty martyn marcin
mary molly polly may mollie marie maria
matilda tilly mattie mathilde
matthew matt matty matthias mattias matteo mateo matthieu mateusz
maurice mo moritz mauricio
maximilian max maxim maxi massimo
melissa mel missy lissa
melanie mel
michael mike mick mickey micky mikey michel miguel mikhail misha michele mischa mihail michal michiel
michelle shelly micki
mohammed mohamed muhammad mohammad mo muhammed mohd mehmet muhamed mahomed
nathaniel nat nate nathan
natalia natasha natalie natalya
nicholas nick nicky nico nikolaus klaus nicolas nikolai nikolay niklas kolya claus nikola mikolaj
nicole nicky nikki nicola nic
norman norm
oliver ollie olivier
olivia liv livvy
oscar ozzy oskar
pamela pam
patricia pat patty tricia trish patrizia
patrick pat paddy rick padraig patricio patrik
paul pablo paolo pavel pawel pauli
paula pauline polly paulina
penelope penny
peter pete pierre pedro pietro piotr petr petra pjotr
philip phil pip phillip philipp felipe philippe filip
priscilla cilla
rachel rach rachael raquel
ralph raf raoul ralf
randolph randy randall
raymond ray ramon raimund
rebecca becky becca bex rebekah
reginald reg reggie rex
richard rick dick richie ricky rich ricardo riccardo ryszard
robert bob rob bobby robbie bert rupert roberto robin
roberta bobbie robbie
roderick rod roddy rick
rodney rod
roger rog rudiger ruediger
roland rollo rolando orlando
ronald ron ronnie
rosemary rose rosie
rosa rose rosie
rudolf rudi rudy rudolph rodolfo
russell russ rusty
samantha sam sammy
samuel sam sammy
sarah sally sara sadie
sebastian seb bastian basti sebastien
sergei sergey serge serhiy sergio
sharon shari
sophia sophie sofia sofie sonja sonya zofia
stanley stan
stephanie steph stephie stefanie steffi stefania
stephen steve stevie steven stefan stephan stefano esteban etienne szczepan
susan sue susie suzanne suzy susanne susanna zuzanna
sylvia silvia sylvie
tamara tammy tamar
tatiana tanya tatyana
terence terry terrence
theodore ted teddy theo theodor teodoro fyodor
theresa terry tess tessa teresa therese tracy resi
thomas tom tommy tomas thom tomasz tommaso
timothy tim timmy timo
valentin val valentino
valerie val
vanessa nessa
veronica ronnie vera roni veronika
victor vic viktor vittorio
victoria vicky tori vikki viktoria vic
vincent vince vinnie vinzenz vincenzo
virginia ginny ginger
vladimir vova volodya volodymyr wladimir waldemar
walter walt wally walther
wilhelm willi willy wilhelm bill william guillermo guglielmo guillaume
william bill will billy liam willy willie wilhelm guillermo guillaume
winifred winnie freda
wolfgang wolf wolfi
xavier javier xavi
yusuf joseph youssef yousef yosef
zachary zach zack zacharias
";

static FORMS: LazyLock<HashMap<&'static str, Vec<u16>>> = LazyLock::new(|| {
    let mut forms: HashMap<&str, Vec<u16>> = HashMap::new();
    for (group, line) in (1..).zip(GROUPS.lines()) {
        for form in line.split(' ') {
            let groups = forms.entry(form).or_default();
            if groups.last() != Some(&group) {
                groups.push(group);
            }
        }
    }
    forms
});

/// The names that a folded given name is a form of.
pub(crate) fn groups(name: &str) -> &'static [u16] {
    FORMS.get(name).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_name() {
        let share = |left, right| groups(left).iter().any(|group| groups(right).contains(group));
        for (left, right) in [("bill", "william"), ("peggy", "margaret"), ("hans", "johannes"), ("sasha", "aleksandr"), ("jack", "john")] {
            assert!(share(left, right), "{left} {right}");
        }
        assert!(!share("bill", "robert") && !share("anna", "mary") && groups("zzz").is_empty());
    }
}
