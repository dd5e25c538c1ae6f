//! How many stand before somebody, without counting them.

/// Which numbers, given out from 0 upwards, are still in line: a Fenwick tree.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// `sums[i - 1]` is the count of those in line among the `i & -i` numbers that end with `i`.
    sums: Vec<u32>,
    standing: u32,
}

impl Line {
    /// How many are in line.
    pub(super) const fn len(&self) -> u32 {
        self.standing
    }

    /// Adds the next number, which is in line.
    pub(super) fn push(&mut self) {
        let index = self.sums.len() + 1;
        // Those below it that its node covers are summed up in the nodes below.
        let covered = index - lowest_bit(index);
        let mut sum = 1;
        let mut below = index - 1;
        while below > covered {
            sum += self.sums[below - 1];
            below -= lowest_bit(below);
        }
        self.sums.push(sum);
        self.standing += 1;
    }

    /// Takes a number out that is in line.
    pub(super) fn remove(&mut self, number: u32) {
        let mut index = position(number) + 1;
        while index <= self.sums.len() {
            self.sums[index - 1] -= 1;
            index += lowest_bit(index);
        }
        self.standing -= 1;
    }

    /// How many below this number are in line.
    pub(super) fn before(&self, number: u32) -> u32 {
        let (mut index, mut sum) = (position(number).min(self.sums.len()), 0);
        while index > 0 {
            sum += self.sums[index - 1];
            index -= lowest_bit(index);
        }
        sum
    }
}

const fn lowest_bit(index: usize) -> usize {
    index & index.wrapping_neg()
}

/// A number as an index.
pub(super) fn position(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_as_counting_does(steps in proptest::collection::vec(any::<Option<u8>>(), 0..120)) {
            let (mut line, mut standing) = (Line::default(), Vec::new());
            for step in steps {
                match step {
                    Some(which) if !standing.is_empty() => {
                        let number = usize::from(which) % standing.len();
                        if std::mem::replace(&mut standing[number], false) {
                            line.remove(u32::try_from(number).unwrap());
                        }
                    }
                    Some(_) | None => {
                        standing.push(true);
                        line.push();
                    }
                }
                for number in 0..=standing.len() {
                    let counted = standing[..number].iter().filter(|stands| **stands).count();
                    let before = line.before(u32::try_from(number).unwrap());
                    prop_assert_eq!(usize::try_from(before).unwrap(), counted);
                }
                let all = standing.iter().filter(|stands| **stands).count();
                prop_assert_eq!(usize::try_from(line.len()).unwrap(), all);
            }
        }
    }
}
