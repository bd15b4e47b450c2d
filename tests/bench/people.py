"""Invented people and companies with known truth, for tests/bench/identity.py: the mistakes that lists have, and the people who only look
alike: families with one address and telephone, twins, fathers and sons of one name, colleagues, offices with one address for all.

Everything is drawn from one seed. Nobody here exists.
"""
import csv
import random

ENGLISH_FIRST = """James Mary Robert Patricia John Jennifer Michael Linda William Elizabeth David Barbara Richard Susan Joseph Jessica Thomas
Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty Anthony Margaret Mark Sandra Donald Ashley Steven Kimberly Paul Emily Andrew
Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Dorothy George Melissa Timothy Deborah Ronald Stephanie Edward Rebecca Jason Sharon
Jeffrey Laura Ryan Cynthia Jacob Kathleen Gary Amy Nicholas Angela Eric Shirley Jonathan Anna Stephen Brenda Larry Pamela Justin Emma Scott
Nicole Brandon Helen Benjamin Samantha Samuel Katherine Gregory Christine Alexander Debra Frank Rachel Patrick Carolyn Raymond Janet Jack
Maria Dennis Heather Jerry Diane Tyler Ruth Aaron Julie Jose Olivia Adam Joyce Nathan Virginia Henry Victoria Zachary Kelly Douglas Lauren
Peter Christina Kyle Joan Noah Evelyn Ethan Judith Jeremy Megan Walter Andrea Christian Cheryl Keith Hannah Roger Jacqueline Terry Martha
Austin Gloria Sean Teresa Gerald Ann Carl Sara Harold Madison Dylan Frances Arthur Kathryn Lawrence Janice Jordan Jean Jesse Abigail Bryan
Alice Billy Julia Bruce Judy Gabriel Sophia Joe Grace Logan Denise Alan Amber Juan Doris Albert Marilyn Willie Danielle Elijah Beverly Wayne
Isabella Randy Theresa Vincent Diana Mason Natalie Roy Brittany Ralph Charlotte Bobby Marie Russell Kayla Bradley Alexis Philip Lori""".split()
ENGLISH_LAST = """Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas
Taylor Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres
Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards
Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox Ward
Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross Foster
Jimenez Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Gonzales Fisher Vasquez Simmons Romero Jordan Patterson
Alexander Hamilton Graham Reynolds Griffin Wallace Moreno West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar Stevens Murray Ford
Castro Marshall Owens Harrison Fernandez Mcdonald Woods Washington Kennedy Wells Vargas Henry Chen Freeman Webb Tucker Guzman Burns Crawford
Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder Mason Dixon Munoz Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Rose Stone
Salazar Fox Warren Mills Meyer Rice Schmidt Garza Daniels Ferguson Nichols Stephens Soto Weaver Ryan Gardner Payne Grant Dunn Kelley Spencer
Hawkins Arnold Pierce Hansen Peters Santos Hart Bradley Knight Elliott Cunningham Duncan Armstrong Hudson Carroll Lane Riley Andrews Alvarado""".split()
# Given names and surnames by script and origin, for the fairness of linkage.
GROUPS = {
    "English": (ENGLISH_FIRST, ENGLISH_LAST),
    "German": ("Anna Lukas Jürgen Käthe Björn Heike Wolfgang Sabine Matthias Ursula Günter Renate Dieter Monika Uwe Petra Stefan Birgit Jörg Gisela".split(),
               "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Krüger Hofmann Hartmann Lange Krause Lehmann Köhler Jäger Weiß Böhm".split()),
    "Spanish": ("María José Carmen Antonio Ángel Lucía Sofía Javier Raúl Inés Andrés Martín Núria Óscar Verónica Álvaro Pilar Rocío Tomás Belén".split(),
                "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Martín Jiménez Ruiz Hernández Díaz Moreno Muñoz Álvarez Romero Alonso Gutiérrez Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco Molina".split()),
    "Vietnamese": ("Anh Bảo Châu Dũng Giang Hà Hải Hạnh Hiếu Hoa Hùng Hương Khánh Lan Linh Long Mai Minh Nam Nga Ngọc Phong Phương Quân Thảo Trang Tuấn Vy".split(),
                   "Nguyễn Trần Lê Phạm Huỳnh Hoàng Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý".split()),
    "Chinese in Latin letters": ("Wei Fang Na Min Jing Li Qiang Lei Jun Yang Yong Yan Jie Juan Tao Ming Chao Xiuying Xia Ping Gang Guiying Haoyu Zihan Yichen".split(),
                                 "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang Xie Tang".split()),
    "Chinese": ("伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀英 霞 平 刚 桂英 浩宇 子涵 一晨 建国 淑兰 志强 雪梅 文博".split(),
                "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 高 罗 郑 梁 谢 唐".split()),
    "Arabic": ("محمد أحمد فاطمة عائشة علي حسن حسين مريم خالد يوسف إبراهيم زينب عمر نور سارة ليلى كريم سمير هدى رانيا طارق جمال نادية وليد".split(),
               "العلي الحسن المصري الشامي النجار الحداد خوري منصور حمدان سليمان عثمان بكر الخطيب درويش شاهين عبدالله القاضي الصباغ الزين".split()),
    "Arabic in Latin letters": ("Mohammed Ahmed Fatima Aisha Ali Hassan Hussein Mariam Khaled Youssef Ibrahim Zainab Omar Nour Sara Layla Karim Samir Huda Rania".split(),
                                "Al-Ali El-Hassan Al-Masri El-Shami Al-Najjar Haddad Khoury Mansour Hamdan Suleiman Othman Bakr El-Khatib Darwish Shaheen Abdullah".split()),
    "Cyrillic": ("Александр Анна Дмитрий Елена Иван Мария Сергей Ольга Андрей Татьяна Алексей Наталья Михаил Екатерина Николай Ирина Владимир Светлана Павел Юлия".split(),
                 "Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Николаев Орлов".split()),
    "Indian": ("Aarav Priya Rahul Anjali Vikram Sunita Arjun Lakshmi Sanjay Deepa Rajesh Kavita Amit Pooja Suresh Meena Anil Rekha Vijay Geeta".split(),
               "Sharma Patel Singh Kumar Gupta Reddy Rao Iyer Nair Menon Das Banerjee Mukherjee Chatterjee Joshi Mehta Shah Desai Verma Mishra Agarwal Krishnan".split()),
    "Nigerian": ("Chinedu Ngozi Emeka Adaeze Tunde Folake Segun Yetunde Ifeanyi Chioma Olumide Bukola Obinna Amaka Babatunde Funmilayo Kelechi Uche Femi Aisha".split(),
                 "Okafor Adeyemi Okonkwo Balogun Eze Nwosu Adebayo Ogunleye Chukwu Okoro Afolabi Obi Bello Abubakar Onyekachi Olawale Ibrahim Uzoma Akintola Danjuma".split()),
}
SHORT = {"James": "Jim", "Robert": "Bob", "Michael": "Mike", "William": "Bill", "Elizabeth": "Liz", "David": "Dave", "Richard": "Rick",
         "Joseph": "Joe", "Thomas": "Tom", "Christopher": "Chris", "Daniel": "Dan", "Matthew": "Matt", "Margaret": "Peggy", "Anthony": "Tony",
         "Steven": "Steve", "Andrew": "Andy", "Kenneth": "Ken", "Timothy": "Tim", "Edward": "Ted", "Jennifer": "Jenny", "Patricia": "Pat",
         "Katherine": "Kate", "Deborah": "Debbie", "Stephanie": "Steph", "Rebecca": "Becky", "Nicholas": "Nick", "Samuel": "Sam",
         "Benjamin": "Ben", "Alexander": "Alex", "Victoria": "Vicky", "Jeffrey": "Jeff", "Gregory": "Greg", "Susan": "Sue", "Charles": "Chuck"}
STREETS = "Oak Maple Cedar Pine Elm Park Lake Hill Church Mill High Station King Queen Victoria Albert River Spring Market Bridge School Garden North South Meadow Forest Grove Orchard Castle Abbey".split()
KINDS = ["Street", "Road", "Avenue", "Lane", "Drive", "Close", "Court", "Way"]
TOWNS = "Ashford Barton Clayton Dunmore Easton Fairview Glenwood Hartley Iverness Kingsbury Langford Marlow Newport Oakham Preston Queensbury Redhill Stanton Thornbury Upton Weston Yarmouth Milton Burford Chester Denton Elmham Farnham".split()
FREE = ["gmail.com", "yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def mistyped(rng, text):
    """A text with one typing mistake."""
    if not text:
        return text
    at, kind = rng.randrange(len(text)), rng.randrange(4)
    letter = rng.choice(LETTERS) if text[at].isascii() and text[at].isalpha() else rng.choice("0123456789") if text[at].isdigit() else rng.choice(text)
    if kind == 0 and len(text) > 2:
        return text[:at] + text[at + 1:]
    if kind == 1:
        return text[:at] + letter + text[at:]
    if kind == 2 and at + 1 < len(text):
        return text[:at] + text[at + 1] + text[at] + text[at + 2:]
    return text[:at] + letter + text[at + 1:]


def skewed(rng, values):
    """A value, the first far more often than the last, as names are."""
    return values[min(int(len(values) * rng.random() ** 1.7), len(values) - 1)]


def birth(rng, low=1940, high=2004):
    return f"{rng.randint(low, high):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def telephone(rng):
    return f"0{rng.randint(1200, 1999)} {rng.randint(100000, 999999)}"


def address(rng):
    return {"line1": f"{rng.randint(1, 250)} {rng.choice(STREETS)} {rng.choice(KINDS)}", "town": rng.choice(TOWNS),
            "postcode": f"{rng.choice('ABCDEGHKLMNPRSTW')}{rng.choice('ABDEHLNPRSTY')}{rng.randint(1, 29)} {rng.randint(1, 9)}{rng.choice('ABDEFGH')}{rng.choice('JLNPQRS')}"}


def mailbox(rng, given, surname, domain=None, taken=None):
    """An address that nobody has yet: mailboxes have one owner, or a family."""
    while True:
        local = rng.choice([f"{given}.{surname}", f"{given[0]}{surname}", f"{given}{surname}{rng.randint(1, 99)}", f"{given}{rng.randint(1950, 2010)}"])
        address = f"{local}@{domain or rng.choice(FREE)}".lower().replace(" ", "")
        if taken is None or address not in taken:
            if taken is not None:
                taken.add(address)
            return address


def household(rng, companies, surnames, givens, taken):
    """A family, or one person, at one address."""
    surname, home, landline = skewed(rng, surnames), address(rng), telephone(rng) if rng.random() < 0.6 else ""
    size, people = rng.choices([1, 2, 3, 4, 5], [40, 25, 15, 15, 5])[0], []
    for place in range(size):
        child, given = place >= 2, skewed(rng, givens)
        while any(given == member["given"] for member in people):
            given = skewed(rng, givens)  # one name for one member of a family, but for the son who has his father's
        person = {"given": given, "surname": surname if place == 0 or rng.random() < 0.85 else skewed(rng, surnames),
                  "dob": birth(rng, 1995, 2006) if child else birth(rng, 1945, 1975), "suffix": "", **home,
                  "tel": landline or telephone(rng), "mobile": f"07{rng.randint(100000000, 999999999)}" if rng.random() < 0.6 else "", "employer": ""}
        if child and rng.random() < 0.02 and all(member["given"] != people[0]["given"] for member in people[1:]):
            person.update(given=people[0]["given"], surname=people[0]["surname"], suffix=rng.choice(["Jr", "Jr", ""]))
        if child and place >= 3 and rng.random() < 0.15:
            person["dob"] = people[-1]["dob"]  # twins
        if not child and rng.random() < 0.3:
            company = rng.choice(companies)
            person["employer"], person["tel"] = company["name"], company["tel"] if rng.random() < 0.5 else person["tel"]
            person["mail"] = company["office"] if rng.random() < 0.1 else mailbox(rng, person["given"], person["surname"], company["domain"], taken)
        else:
            shared = place > 0 and rng.random() < 0.08
            person["mail"] = people[0]["mail"] if shared else mailbox(rng, person["given"], person["surname"], taken=taken)
        people.append(person)
    return people


def copied(rng, person, givens, surnames, taken=None):
    """The same person in another row: mistakes, other spellings, gaps, changes of life."""
    copy = dict(person)
    for field, rate in [("given", 0.12), ("surname", 0.12), ("mail", 0.06), ("tel", 0.05), ("dob", 0.05), ("line1", 0.15), ("town", 0.06), ("postcode", 0.06)]:
        if rng.random() < rate:
            copy[field] = mistyped(rng, copy[field])
    if rng.random() < 0.15:
        copy["given"] = SHORT.get(person["given"], copy["given"])
    if rng.random() < 0.03:
        copy["given"], copy["surname"] = copy["surname"], copy["given"]
    if rng.random() < 0.03:
        copy["surname"] = skewed(rng, surnames)  # by marriage
    if rng.random() < 0.12:
        copy.update(address(rng), tel=telephone(rng))  # moved
    if rng.random() < 0.10:
        copy["mail"] = mailbox(rng, person["given"], person["surname"], taken=taken)
    if rng.random() < 0.02:
        year, month, day = person["dob"].split("-")
        copy["dob"] = f"{year}-{day}-{month}" if int(day) <= 12 else person["dob"]
    if rng.random() < 0.2:
        copy["given"], copy["surname"] = copy["given"].upper(), copy["surname"].upper()
    if rng.random() < 0.3:
        copy["tel"] = copy["tel"].replace(" ", "")
    for field, rate in [("mail", 0.15), ("tel", 0.25), ("mobile", 0.3), ("dob", 0.2), ("line1", 0.15), ("postcode", 0.1), ("town", 0.08), ("employer", 0.4), ("given", 0.01)]:
        if rng.random() < rate:
            copy[field] = ""
    return copy


def invented_company(rng, number, taken):
    """A company. Its name may be another's too, its domain is not."""
    words = [rng.choice(ENGLISH_LAST), rng.choice("Steel Foods Trading Logistics Systems Media Consulting Energy Textiles Motors Dental Legal Software Design Farms Catering Print Security Travel Glass".split())]
    name = f"{words[0]} {words[1]}" if rng.random() < 0.6 else f"{words[0]} & {rng.choice(ENGLISH_LAST)}" if rng.random() < 0.5 else f"{words[0]} {rng.choice(TOWNS)} {words[1]}"
    stem, number_of, domain = name.lower().replace(" & ", "").replace(" ", ""), "", ""
    while not domain or domain in taken:
        domain = stem + number_of + rng.choice([".com", ".co.uk", ".net"])
        number_of = str(rng.randint(1, 99))
    taken.add(domain)
    return {"name": f"{name} {rng.choice(['Ltd', 'Limited', 'Inc', 'LLC', 'GmbH', 'Group plc'])}", "domain": domain, "tel": telephone(rng), "office": f"info@{domain}",
            "vat": f"GB{100000000 + number * 37}", **address(rng)}


def people(seed, households, copies=0.5):
    """Rows of a messy list: families, colleagues, and people who stand in it several times. Each row has its `truth`."""
    rng = random.Random(seed)
    rows, truth, taken = [], 0, set()
    companies = [invented_company(rng, number, taken) for number in range(max(households // 20, 5))]
    for _ in range(households):
        for person in household(rng, companies, ENGLISH_LAST, ENGLISH_FIRST, taken):
            truth += 1
            rows.append({**person, "truth": truth})
            while rng.random() < copies and len(rows) < 10**9:
                rows.append({**copied(rng, person, ENGLISH_FIRST, ENGLISH_LAST, taken), "truth": truth})
                if rng.random() < 0.6:
                    break
    rng.shuffle(rows)
    return rows


def companies(seed, count):
    """Rows of a messy list of companies."""
    rng = random.Random(seed)
    rows, taken = [], set()
    for number in range(count):
        company = invented_company(rng, number, taken)
        rows.append({**company, "truth": number})
        for _ in range(rng.choices([0, 1, 2], [55, 35, 10])[0]):
            copy = dict(company)
            stem, form = company["name"].rsplit(" ", 1)
            copy["name"] = rng.choice([stem, f"{stem} {form}", f"{stem.upper()} {form.upper()}", f"{stem} Co", mistyped(rng, stem) + f" {form}", f"The {stem} Company", stem.replace("&", "and")])
            if rng.random() < 0.15:
                copy.update(address(rng), tel=telephone(rng))
            for field, rate in [("domain", 0.35), ("tel", 0.3), ("vat", 0.6), ("line1", 0.2), ("postcode", 0.15), ("town", 0.1), ("office", 0.5)]:
                if rng.random() < rate:
                    copy[field] = ""
            rows.append({**copy, "truth": number})
    rng.shuffle(rows)
    return rows


def by_group(seed, group, count):
    """People of one group, each twice, the second time changed in the same ways for every group."""
    rng = random.Random(f"{seed} {group}")
    givens, surnames = GROUPS[group]
    rows = []
    for number in range(count):
        person = {"given": rng.choice(givens), "surname": rng.choice(surnames), "dob": birth(rng), **address(rng), "tel": telephone(rng)}
        person["mail"] = f"user{rng.randint(10**6, 10**7)}@{rng.choice(FREE)}"
        copy = dict(person)
        if rng.random() < 0.3:
            copy["given"] = mistyped(rng, copy["given"])
        if rng.random() < 0.3:
            copy["surname"] = mistyped(rng, copy["surname"])
        renamed = rng.random() < 0.1
        if renamed:
            copy["surname"] = rng.choice(surnames)
        for field, rate in [("dob", 0.3), ("line1", 0.3), ("postcode", 0.3), ("town", 0.2), ("tel", 0.5), ("mail", 0.6)]:
            if rng.random() < rate:
                copy[field] = ""
        truth = {"truth": f"{group} {number}", "renamed": renamed}
        rows += [{**person, **truth}, {**copy, **truth}]
    rng.shuffle(rows)
    return rows


def million(path, rows, seed=1):
    """Writes a long list straight into a file: as many surnames as a country has, one row in five a copy."""
    rng = random.Random(seed)
    syllables = "ba be bo da de do fa fe ga go ha he ka ke ko la le lo ma me mo na ne no pa pe ra re ro sa se so ta te to va ve wa we".split()
    surnames = ENGLISH_LAST + sorted({"".join(rng.choice(syllables) for _ in range(rng.randint(2, 4))).title() + rng.choice(["n", "r", "s", "ski", "sen", "berg", "ez", ""]) for _ in range(60_000)})
    rng.shuffle(surnames)
    givens = ENGLISH_FIRST + sorted({"".join(rng.choice(syllables) for _ in range(2)).title() + rng.choice(["", "n", "l", "ra"]) for _ in range(1_500)})
    fields = ["id", "given", "surname", "mail", "tel", "dob", "line1", "town", "postcode", "truth"]
    towns = [f"{rng.choice(TOWNS)}{suffix}" for suffix in ["", " Heath", " Green", " Park", " Hill", "ton", "ville", "bridge"] for _ in range(100)]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        person, taken = None, set()
        for number in range(rows):
            if person is not None and rng.random() < 0.2:
                row = copied(rng, person, givens, surnames, taken)
            else:
                home = address(rng)
                person = {"given": skewed(rng, givens), "surname": skewed(rng, surnames), "dob": birth(rng), **home, "tel": telephone(rng), "mobile": "", "employer": "", "truth": number}
                person["town"] = rng.choice(towns)
                person["mail"] = mailbox(rng, person["given"], person["surname"], taken=taken) if rng.random() < 0.8 else ""
                row = person
            writer.writerow({**row, "id": number})
