package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// paired is what a variant of a program costs beside the plain one, round by round. Both
// ran next to each other, so that what disturbs the machine for longer disturbs both.
type paired struct {
	plain       string // the other's name
	ratios      []float64
	differences []float64
}

// toPlain compares a line with the same program that does no more than the others.
func (b *block) toPlain(l line) (p paired) {
	name, _, isVariant := strings.Cut(l.Name, "+")
	i := slices.IndexFunc(b.lines, func(plain line) bool { return plain.Name == name })
	if !isVariant || i < 0 {
		return p
	}
	p.plain = name
	b.pairs(l, &b.lines[i], func(mine, theirs float64) {
		p.ratios = append(p.ratios, mine/theirs)
		p.differences = append(p.differences, mine-theirs)
	})
	return p
}

func (p paired) write(w io.Writer, name string, decimals int) {
	s := spread(p.ratios)
	if s.Rounds == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s: %.2f (%.2f–%.2f) × %s", name, s.Median, s.Min, s.Max, p.plain)
	if low, high, ok := interval(p.ratios); ok {
		lowest, highest, _ := interval(p.differences)
		fmt.Fprintf(w, "; of %d pairs the median is %+.2f %% (95 %%: %+.2f to %+.2f), %+.*f (%+.*f to %+.*f) in the table's unit",
			s.Rounds, 100*(s.Median-1), 100*(low-1), 100*(high-1),
			decimals+1, spread(p.differences).Median, decimals+1, lowest, decimals+1, highest)
	}
	fmt.Fprintln(w)
}

// interval returns between what the median lies, with a confidence of 95 %: two of the
// values, counted in from both ends. It asks nothing of how they are distributed: as many
// of n values are below the median as coins show heads. There is none for fewer than 6.
func interval(values []float64) (low, high float64, ok bool) {
	n := len(values)
	sorted := slices.Sorted(slices.Values(values))
	const tail = 0.025
	atMost, out := 0.0, 0
	for k := range n {
		if atMost += math.Exp(logChoose(n, k) - float64(n)*math.Ln2); atMost > tail {
			break
		}
		out = k + 1
	}
	if out == 0 {
		return 0, 0, false
	}
	return sorted[out-1], sorted[n-out], true
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int) float64 {
	gamma := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return gamma(n) - gamma(k) - gamma(n-k)
}
