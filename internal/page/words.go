package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// number writes a number as people read it.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v == math.Trunc(v):
		return grouped(int64(v))
	case v < 0.01:
		return "less than 0.01"
	case v < 10:
		return strings.TrimSuffix(strings.TrimSuffix(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".0")
	case v < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return grouped(int64(math.Round(v)))
}

// grouped writes a whole number with a comma for each thousand.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// duration writes seconds.
func duration(seconds float64) string {
	switch {
	case seconds == 0:
		return "0 s"
	case seconds < 1:
		return number(math.Round(seconds*10000)/10) + " ms"
	case seconds < 120:
		return number(math.Round(seconds*100)/100) + " s"
	}
	return number(math.Round(seconds/6)/10) + " min"
}

// share writes a part of a whole.
func share(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	return strconv.FormatFloat(100*part/whole, 'f', 1, 64) + " %"
}

// ago writes how long something is past, roughly.
func ago(now, then time.Time) string { return span(now.Sub(then)) + " ago" }

func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// sentence begins a text as sentences do.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// printable returns a text of a request as it may stand on a page.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, string(text))
}
