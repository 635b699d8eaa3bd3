//! The guide for programme authors: its example is a programme, and its mistakes are told as it says.

use alongside_domain::{
    problem::Problem,
    programme::package::{self, Files},
};

const GUIDE: &str = include_str!("../../../../docs/programmes.md");

/// A block of the guide, with the remark above it.
struct Block {
    remark: String,
    text: String,
}

/// Every block that is more than a command line to look at.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = GUIDE.lines();
    let mut remark = String::new();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { remark: std::mem::take(&mut remark), text: text.join("\n") });
        } else if let Some(text) = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")) {
            assert_eq!(remark, "", "a remark without its block before {line}");
            text.clone_into(&mut remark);
        } else if !line.is_empty() {
            assert_eq!(remark, "", "a block stands right below its remark: {line}");
        }
    }
    blocks
}

fn files() -> Files {
    let mut files = Files::new();
    for block in blocks() {
        if let Some(file) = block.remark.strip_prefix("file: ") {
            let twice = files.insert(file.to_owned(), format!("{}\n", block.text).into_bytes());
            assert!(twice.is_none(), "{file} is there twice");
        }
    }
    files
}

#[test]
fn the_example_is_a_programme_without_a_single_problem() {
    let files = files();
    assert_eq!(files.len(), 9, "{:?}", files.keys());
    let (programme, warnings) = package::read(&files).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(warnings, []);
    assert_eq!(programme.parts.words.area.1, "shelves");
    assert_eq!((programme.states.len(), programme.derived.len()), (1, 1));
}

#[test]
fn every_block_is_used() {
    let unmarked: Vec<String> =
        blocks().into_iter().filter(|block| block.remark.is_empty()).map(|block| block.text).collect();
    // The commands at the start are run by the tests of the command line.
    assert_eq!(unmarked.len(), 1, "{unmarked:?}");
    assert!(unmarked[0].contains("alongside programme check"));
}

#[test]
fn each_mistake_is_told_as_the_guide_says() {
    let blocks = blocks();
    let mut told = 0;
    for pair in blocks.windows(2) {
        let Some(mistake) = pair[0].remark.strip_prefix("mistake: ") else { continue };
        assert_eq!(pair[1].remark, "says", "{mistake}");
        let (file, right) = mistake.split_once(" replace: ").unwrap();
        let mut files = files();
        let text = String::from_utf8(files[file].clone()).unwrap();
        assert!(text.contains(right), "{file} has no `{right}`");
        files.insert(file.to_owned(), text.replacen(right, &pair[0].text, 1).into_bytes());
        let problems = match package::read(&files) {
            Ok((_, warnings)) => warnings,
            Err(problems) => problems,
        };
        let said: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert!(said.iter().any(|said| said.starts_with(&pair[1].text)), "{mistake}: {said:#?}");
        told += 1;
    }
    assert_eq!(told, blocks.iter().filter(|block| block.remark == "says").count());
    assert!(told >= 5);
}
