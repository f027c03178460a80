package upstream

import (
	"bytes"
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/rewrite"
)

// longestTold bounds what an upstream is believed of how long to leave it alone: a field
// that is wrong by a factor of a thousand must not take it away for a day. Who still
// throttles then says so again, which costs one attempt.
const longestTold = 10 * time.Minute

// Told returns how long an upstream that refuses for now wants to be left alone; 0: it
// does not say. In the order of what SDKs believe: retry-after-ms, Retry-After as seconds
// or as a date (RFC 9110 section 10.2.3), else the resets of the limits that are used up.
// now is for a date in an answer that has no Date itself.
func Told(fields []rewrite.Field, now time.Time) time.Duration {
	var millis, after, date []byte
	var limits [len(limitKinds)]limit
	for _, f := range fields {
		switch {
		case equal(f.Name, "retry-after-ms"):
			millis = f.Value
		case equal(f.Name, "retry-after"):
			after = f.Value
		case equal(f.Name, "date"):
			date = f.Value
		default:
			readLimit(&limits, f)
		}
	}
	if d := number(millis, time.Millisecond); d > 0 {
		return min(d, longestTold)
	}
	if t, err := parseDate(date); err == nil {
		now = t // what the upstream takes for now: the two clocks need not agree
	}
	if d := number(after, time.Second); d > 0 {
		return min(d, longestTold)
	}
	if t, err := parseDate(after); err == nil && t.After(now) {
		return min(t.Sub(now), longestTold)
	}
	var longest time.Duration
	for _, l := range limits {
		if !l.left {
			longest = max(longest, l.reset)
		}
	}
	return min(longest, longestTold)
}

// limit is one of those that Azure OpenAI counts by.
type limit struct {
	reset time.Duration
	left  bool // something of it
}

var limitKinds = [...]string{"requests", "tokens"}

// readLimit reads x-ratelimit-reset-* and x-ratelimit-remaining-*; older answers spell
// the first word x-rate-limit.
func readLimit(limits *[len(limitKinds)]limit, f rewrite.Field) {
	rest, ok := cutPrefix(f.Name, "x-ratelimit-")
	if !ok {
		if rest, ok = cutPrefix(f.Name, "x-rate-limit-"); !ok {
			return
		}
	}
	for i, kind := range limitKinds {
		if reset, ok := cutPrefix(rest, "reset-"); ok && equal(reset, kind) {
			limits[i].reset = resetOf(f.Value)
		}
		if remaining, ok := cutPrefix(rest, "remaining-"); ok && equal(remaining, kind) {
			n, err := strconv.ParseFloat(string(f.Value), 64)
			limits[i].left = err == nil && n > 0
		}
	}
}

// resetOf reads a number of seconds, as Azure writes it, or 6m0s, as OpenAI does.
func resetOf(v []byte) time.Duration {
	if d := number(v, time.Second); d > 0 {
		return d
	}
	if len(v) > 32 {
		return 0
	}
	d, err := time.ParseDuration(string(v))
	if err != nil {
		return 0
	}
	return max(d, 0)
}

// number reads a decimal number of units; 0 for what is none. It is bounded before it is
// multiplied, so that no number of digits overflows.
func number(v []byte, unit time.Duration) time.Duration {
	if len(v) == 0 || len(v) > 32 || bytes.ContainsFunc(v, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }) {
		return 0
	}
	n, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(n, float64(longestTold/unit)+1) * float64(unit))
}

// parseDate reads the three forms of RFC 9110 section 5.6.7.
func parseDate(v []byte) (t time.Time, err error) {
	if len(v) > 64 {
		v = nil
	}
	for _, form := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC} {
		if t, err = time.Parse(form, string(v)); err == nil {
			return t, nil
		}
	}
	return t, err
}

func equal(name []byte, lower string) bool {
	return len(name) == len(lower) && bytes.EqualFold(name, []byte(lower))
}

func cutPrefix(name []byte, lower string) (rest []byte, ok bool) {
	if len(name) < len(lower) || !equal(name[:len(lower)], lower) {
		return nil, false
	}
	return name[len(lower):], true
}
