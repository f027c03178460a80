package service

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"
)

// people returns a writer that makes of each line one that people read. Of an
// exchange they want to see what was asked and what came of it, in one place of the
// line; its other fields are shown where something went wrong.
func people(out io.Writer, color bool) io.Writer {
	w := zerolog.ConsoleWriter{Out: out, TimeFormat: "15:04:05.000", NoColor: !color}
	w.FormatPrepare = func(line map[string]any) error {
		if line[zerolog.MessageFieldName] == "exchange" {
			shorten(line)
		}
		return nil
	}
	w.FormatLevel = func(level any) string { return paint(fmt.Sprint(level), color) }
	return w
}

// shorten makes an access line short: the status stands in the place of the level.
func shorten(line map[string]any) {
	text := func(name string) string { return fmt.Sprint(line[name]) }
	cause, status := text("cause"), text("status")
	words := []string{printable(text("method")), printable(text("path")), tookOf(line["duration_ms"])}
	if reason, ok := line["reason"]; ok {
		words = append(words, fmt.Sprint(reason))
	}
	words = append(words, cause)
	show := []string{"events", "hint", "cors_refused", "credential_notes", zerolog.ErrorFieldName}
	if cause != "complete" && cause != "preflight" || status >= "4" || status == "0" {
		show = append(show, "route", "upstream", "request_id", "apim_request_id")
	}
	if text("upstream_status") != status {
		show = append(show, "upstream_status")
	}
	kept := map[string]any{}
	for _, name := range append(show, zerolog.TimestampFieldName) {
		if value, ok := line[name]; ok {
			kept[name] = value
		}
	}
	clear(line)
	for name, value := range kept {
		line[name] = value
	}
	line[zerolog.LevelFieldName] = status
	line[zerolog.MessageFieldName] = strings.Join(words, " ")
}

// printable returns text as a terminal may get it: it can hold what a client has
// sent, and some bytes are orders to a terminal.
func printable(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0 {
		return text
	}
	return strconv.Quote(text)
}

// tookOf returns a time in milliseconds in three digits and their unit.
func tookOf(ms any) string {
	n, _ := ms.(json.Number)
	f, _ := n.Float64()
	switch d := time.Duration(f * float64(time.Millisecond)); {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// paint returns a level, or a status in its place, in three letters and its colour.
func paint(level string, color bool) string {
	short, hue := level, red
	switch level[:min(1, len(level))] {
	case "0":
		short, hue = "---", gray // nothing was sent: most often, nobody waited for it
	case "1", "2":
		hue = green
	case "3":
		hue = cyan
	case "4":
		hue = yellow
	case "5":
	default:
		if l, err := zerolog.ParseLevel(level); err == nil {
			short, hue = zerolog.FormattedLevels[l], zerolog.LevelColors[l]
		}
	}
	if !color {
		return short
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", hue, short)
}

// Colours of a terminal.
const red, green, yellow, cyan, gray = 31, 32, 33, 36, 90
