//! A SQLite database as bytes, written row by row: how a load's rows reach SQLite.
//!
//! Bound one by one, every text is allocated on this side, copied by SQLite and freed on both, which took half of a load's processor
//! time. So the rows of a load are written as tables in SQLite's own file format
//! (<https://www.sqlite.org/fileformat2.html>, sections 1.3, 1.6 and 2.1), attached as a database in memory, and go from there by
//! `INSERT … SELECT`. Only what a reader needs is written: table b-trees with rows in order, no index, no free page.

use super::record::{Record, put_varint};

/// The size of a page: the largest there is, so that few rows need more than one.
const PAGE: usize = 65_536;
/// The longest row that is kept in one page (section 1.6: U - 35).
const WHOLE: usize = PAGE - 35;
/// What stays in the page of a row that is longer, at least (section 1.6: M).
const KEPT: usize = (PAGE - 12) * 32 / 255 - 23;
/// Bytes of a row in a further page, after the number of the next one.
const FURTHER: usize = PAGE - 4;
/// Children of an interior page: a few less than there is room for (4 bytes a page number, 9 a row id, 2 a pointer).
const CHILDREN: usize = 4_000;
/// The first page begins with the header of the file.
const FILE_HEADER: usize = 100;

const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

/// A database that is being written.
pub(crate) struct Image {
    pages: Vec<u8>,
    /// Name, statement and root page of every table.
    tables: Vec<(String, String, u32)>,
}

impl Image {
    pub(crate) fn new() -> Self {
        Self { pages: vec![0; PAGE], tables: Vec::new() }
    }

    /// Begins a table with columns `c0`, `c1` and so on, each with what its declaration says of it.
    pub(crate) fn table<'c>(&mut self, name: &str, columns: impl IntoIterator<Item = &'c str>) -> Tree<'_> {
        let mut sql = format!("CREATE TABLE {name}(");
        for (column, declared) in columns.into_iter().enumerate() {
            sql.push_str(if column == 0 { "c" } else { ",c" });
            sql.push_str(itoa::Buffer::new().format(column));
            if !declared.is_empty() {
                sql.push(' ');
                sql.push_str(declared);
            }
        }
        sql.push(')');
        self.tables.push((name.to_owned(), sql, 0));
        Tree::new(self)
    }

    /// The bytes of the database.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let tables = std::mem::take(&mut self.tables);
        if tables.is_empty() {
            // Only a root may be without rows.
            self.pages[FILE_HEADER] = LEAF;
            self.write_header();
            return self.pages;
        }
        let mut tree = Tree::new(&mut self);
        let mut row = Record::default();
        for (name, sql, root) in &tables {
            row.clear();
            for text in ["table", name, name] {
                row.push_text(text);
            }
            row.push_integer(i64::from(*root));
            row.push_text(sql);
            tree.push(&mut row);
        }
        // The table of tables has its root in the first page, whatever page the tree gave it.
        let children = tree.close();
        self.write_interior(0, FILE_HEADER, &children);
        self.write_header();
        self.pages
    }

    fn write_header(&mut self) {
        let count = (self.pages.len() / PAGE) as u32;
        let mut header = [0_u8; FILE_HEADER];
        header[..16].copy_from_slice(b"SQLite format 3\0");
        // A page size of 65,536, written as 1; rollback journal; and the three fractions that are always these.
        header[16..24].copy_from_slice(&[0, 1, 1, 1, 0, 64, 32, 32]);
        header[24..28].copy_from_slice(&1_u32.to_be_bytes());
        header[28..32].copy_from_slice(&count.to_be_bytes());
        header[40..44].copy_from_slice(&1_u32.to_be_bytes());
        // Schema format 4, text in UTF-8, and the change counter again, which makes the size above valid.
        header[44..48].copy_from_slice(&4_u32.to_be_bytes());
        header[56..60].copy_from_slice(&1_u32.to_be_bytes());
        header[92..96].copy_from_slice(&1_u32.to_be_bytes());
        header[96..100].copy_from_slice(&3_040_000_u32.to_be_bytes());
        self.pages[..FILE_HEADER].copy_from_slice(&header);
    }

    /// Appends an empty page. Gives where it begins.
    fn add_page(&mut self) -> usize {
        let start = self.pages.len();
        self.pages.resize(start + PAGE, 0);
        start
    }

    /// Writes an interior page over children, each with its last row id. There is at least one.
    fn write_interior(&mut self, page: usize, offset: usize, children: &[(u32, i64)]) {
        let Some(((last, _), others)) = children.split_last() else { return };
        let mut content = PAGE;
        for (index, (child, key)) in others.iter().enumerate() {
            let mut key_bytes = [0; 9];
            let length = put_varint(&mut key_bytes, *key as u64);
            content -= 4 + length;
            let cell = page + content;
            self.pages[cell..cell + 4].copy_from_slice(&child.to_be_bytes());
            self.pages[cell + 4..cell + 4 + length].copy_from_slice(&key_bytes[..length]);
            let pointer = page + offset + 12 + 2 * index;
            self.pages[pointer..pointer + 2].copy_from_slice(&(content as u16).to_be_bytes());
        }
        let header = page + offset;
        self.pages[header] = INTERIOR;
        self.pages[header + 3..header + 5].copy_from_slice(&(others.len() as u16).to_be_bytes());
        // An offset of 65,536 is written as 0, which the narrowing does.
        self.pages[header + 5..header + 7].copy_from_slice(&(content as u16).to_be_bytes());
        self.pages[header + 8..header + 12].copy_from_slice(&last.to_be_bytes());
    }
}

/// A table that is being written.
pub(crate) struct Tree<'a> {
    image: &'a mut Image,
    /// The pages that are full, with their last row ids.
    leaves: Vec<(u32, i64)>,
    /// Where the open page begins, its rows, and where their bytes begin in it.
    page: usize,
    rows: usize,
    content: usize,
    row_id: i64,
}

impl<'a> Tree<'a> {
    fn new(image: &'a mut Image) -> Self {
        let page = image.add_page();
        Self { image, leaves: Vec::new(), page, rows: 0, content: PAGE, row_id: 0 }
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, row: &mut Record) {
        self.row_id += 1;
        let payload = row.finish();
        let kept = if payload.len() <= WHOLE {
            payload.len()
        } else {
            let wanted = KEPT + (payload.len() - KEPT) % FURTHER;
            if wanted <= WHOLE { wanted } else { KEPT }
        };
        let mut head = [0; 18];
        let mut length = put_varint(&mut head, payload.len() as u64);
        length += put_varint(&mut head[length..], self.row_id as u64);
        let cell = length + kept + if kept < payload.len() { 4 } else { 0 };
        if self.content < 8 + 2 * (self.rows + 1) + cell {
            self.close_leaf(self.row_id - 1);
            self.page = self.image.add_page();
            (self.rows, self.content) = (0, PAGE);
        }
        self.content -= cell;
        let mut at = self.page + self.content;
        for bytes in [&head[..length], &payload[..kept]] {
            self.image.pages[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        }
        if kept < payload.len() {
            let mut link = at;
            for rest in payload[kept..].chunks(FURTHER) {
                let page = self.image.add_page();
                self.image.pages[link..link + 4].copy_from_slice(&((page / PAGE + 1) as u32).to_be_bytes());
                self.image.pages[page + 4..page + 4 + rest.len()].copy_from_slice(rest);
                link = page;
            }
        }
        let pointer = self.page + 8 + 2 * self.rows;
        self.image.pages[pointer..pointer + 2].copy_from_slice(&(self.content as u16).to_be_bytes());
        self.rows += 1;
    }

    fn close_leaf(&mut self, last_row_id: i64) {
        let header = &mut self.image.pages[self.page..self.page + 8];
        header[0] = LEAF;
        header[3..5].copy_from_slice(&(self.rows as u16).to_be_bytes());
        header[5..7].copy_from_slice(&(self.content as u16).to_be_bytes());
        self.leaves.push(((self.page / PAGE + 1) as u32, last_row_id));
    }

    /// Ends the table's rows. Gives the pages below its root.
    fn close(&mut self) -> Vec<(u32, i64)> {
        self.close_leaf(self.row_id);
        let mut children = std::mem::take(&mut self.leaves);
        while children.len() > CHILDREN {
            // Evenly, so that no page is left with one child alone.
            let size = children.len().div_ceil(children.len().div_ceil(CHILDREN));
            children = children
                .chunks(size)
                .map(|group| {
                    let page = self.image.add_page();
                    self.image.write_interior(page, 0, group);
                    ((page / PAGE + 1) as u32, group.last().map_or(0, |(_, row_id)| *row_id))
                })
                .collect();
        }
        children
    }

    /// Ends the table.
    pub(crate) fn finish(mut self) {
        let children = self.close();
        let root = match children.as_slice() {
            [(only, _)] => *only,
            children => {
                let page = self.image.add_page();
                self.image.write_interior(page, 0, children);
                (page / PAGE + 1) as u32
            }
        };
        if let Some(table) = self.image.tables.last_mut() {
            table.2 = root;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use sqlx::sqlite::SqliteOwnedBuf;
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    async fn attached(image: Image) -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query("ATTACH ':memory:' AS stage").execute(&mut connection).await.unwrap();
        put(&mut connection, image).await;
        connection
    }

    async fn put(connection: &mut SqliteConnection, image: Image) {
        let buffer = SqliteOwnedBuf::try_from(image.finish().as_slice()).unwrap();
        connection.deserialize(Some("stage"), buffer, false).await.unwrap();
        let verdict: String = sqlx::query_scalar("PRAGMA stage.integrity_check").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(verdict, "ok");
    }

    #[tokio::test]
    async fn sqlite_reads_every_kind_and_length_of_value() {
        let edges = [
            0,
            1,
            2,
            -1,
            127,
            128,
            -128,
            -129,
            0x7fff,
            0x8000,
            -0x8001,
            0x7f_ffff,
            0x80_0000,
            0x7fff_ffff,
            0x8000_0000,
            0x7fff_ffff_ffff,
            0x8000_0000_0000,
            -0x8000_0000_0001,
            i64::MAX,
            i64::MIN,
        ];
        let lengths =
            [0, 1, 57, 58, 8_185, WHOLE - 10, WHOLE - 9, WHOLE - 8, WHOLE, WHOLE + 1, 70_000, 131_064, 131_072, 200_000, 1_000_000];
        let mut image = Image::new();
        let mut row = Record::default();
        let mut numbers = image.table("numbers", [""; 2]);
        for edge in edges {
            row.clear();
            row.push_integer(edge);
            row.push_real(edge as f64);
            numbers.push(&mut row);
        }
        numbers.finish();
        let mut texts = image.table("texts", [""; 3]);
        for length in lengths {
            row.clear();
            row.push_text(&"ä".repeat(length / 2));
            row.push_null();
            row.push_text(&"x".repeat(length));
            texts.push(&mut row);
        }
        texts.finish();
        image.table("empty", [""; 1]).finish();
        let mut connection = attached(image).await;
        let read: Vec<(i64, f64)> =
            sqlx::query_as("SELECT c0, c1 FROM stage.numbers ORDER BY rowid").fetch_all(&mut connection).await.unwrap();
        assert_eq!(read, edges.map(|edge| (edge, edge as f64)));
        let read: Vec<(String, Option<i64>, String)> =
            sqlx::query_as("SELECT c0, c1, c2 FROM stage.texts ORDER BY rowid").fetch_all(&mut connection).await.unwrap();
        assert!(read == lengths.map(|length| ("ä".repeat(length / 2), None, "x".repeat(length))));
        let none: i64 = sqlx::query_scalar("SELECT count(*) FROM stage.empty").fetch_one(&mut connection).await.unwrap();
        assert_eq!(none, 0);
    }

    #[tokio::test]
    async fn images_follow_each_other() {
        let mut connection = attached(Image::new()).await;
        for round in 0..3 {
            let mut image = Image::new();
            let mut row = Record::default();
            row.push_integer(round);
            let mut table = image.table("numbers", [""; 1]);
            table.push(&mut row);
            table.finish();
            put(&mut connection, image).await;
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
            let read: i64 = sqlx::query_scalar("SELECT c0 FROM stage.numbers").fetch_one(&mut *transaction).await.unwrap();
            assert_eq!(read, round);
            transaction.commit().await.unwrap();
            put(&mut connection, Image::new()).await;
        }
    }

    #[tokio::test]
    async fn many_tables_many_pages_and_wide_rows_hold_together() {
        let mut image = Image::new();
        let mut row = Record::default();
        // 60 wide tables: their statements fill more than the first page.
        for index in 0..60 {
            let mut table = image.table(&format!("t{index}"), [""; 2_000]);
            for value in 0..3 {
                row.clear();
                (0..2_000).for_each(|column| row.push_integer(i64::from(value * 2_000 + column)));
                table.push(&mut row);
            }
            table.finish();
        }
        // More leaves than one interior page has children.
        let mut long = image.table("long", [""; 1]);
        for _ in 0..CHILDREN + 3 {
            row.clear();
            row.push_text(&"y".repeat(40_000));
            long.push(&mut row);
        }
        long.finish();
        let mut connection = attached(image).await;
        let read: (i64, i64) = sqlx::query_as("SELECT sum(c1999), count(*) FROM stage.t59").fetch_one(&mut connection).await.unwrap();
        assert_eq!(read, (1_999 + 3_999 + 5_999, 3));
        let read: (i64, i64) = sqlx::query_as("SELECT count(*), max(rowid) FROM stage.long").fetch_one(&mut connection).await.unwrap();
        assert_eq!(read, (CHILDREN as i64 + 3, CHILDREN as i64 + 3));
    }
}
