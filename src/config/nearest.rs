//! Which word somebody meant who misspelt one. Knows no word.

/// Longest unknown key for which a similar one is looked for, in bytes.
const KEY_MAX: usize = 64;
/// Letters that tell which word is meant, if it begins with them.
const BEGINNING_MIN: usize = 4;

/// The word that `given` was probably meant to be.
pub(super) fn nearest<'w>(given: &str, words: &[&'w str]) -> Option<&'w str> {
    // A third of the letters wrong is another word, and no key is that long.
    if given.len() > KEY_MAX {
        return None;
    }
    let allowed = given.chars().count().div_ceil(3);
    let near = words.iter().map(|word| (distance(given, word), *word)).min();
    let near = near.filter(|(distance, _)| *distance <= allowed).map(|(_, word)| word);
    // Whoever writes `token` means `token_file`.
    near.or_else(|| words.iter().find(|word| given.len() >= BEGINNING_MIN && word.starts_with(given)).copied())
}

/// Letters to be put in, left out, exchanged or swapped to come from one word to the other (Damerau and Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, char) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in to.iter().enumerate() {
            let exchanged = rows[i][j] + usize::from(char != other);
            let swapped = i > 0 && j > 0 && from[i - 1] == *other && to[j - 1] == *char;
            let least = exchanged.min(rows[i][j + 1] + 1).min(row[j] + 1);
            row.push(if swapped { least.min(rows[i - 1][j - 1] + 1) } else { least });
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}
