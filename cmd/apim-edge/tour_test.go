package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/demo"
)

// The tour as it was recorded: a picture for the README, and its words.
const (
	tourPicture = "docs/tour.svg"
	tourWords   = "docs/tour.txt"
)

// TestTheTourOfTheReadme holds that the recorded tour says what the tour says today. With
// -update it records it (make tour).
func TestTheTourOfTheReadme(t *testing.T) {
	today := takeTour(t)
	if *update {
		save(t, tourWords, colours.ReplaceAllString(today, ""))
		save(t, tourPicture, string(tourSVG(today)))
	}
	recorded := read(t, tourWords)
	if got, want := steady(colours.ReplaceAllString(today, "")), steady(recorded); got != want {
		t.Errorf("the tour has changed; record it with make tour. It says\n%s\nand in %s it says\n%s", got, tourWords, want)
	}
	if got, want := textOf(t, tourPicture), strings.Join(screenLines(recorded), "\n"); got != want {
		t.Errorf("the picture does not say what %s says; record both with make tour:\n%s", tourWords, got)
	}
}

// TestThePictureOfTheTourStandsStill holds what is shown where nothing may move, and to who
// sees no pictures.
func TestThePictureOfTheTourStandsStill(t *testing.T) {
	picture := read(t, tourPicture)
	for _, want := range []string{"@media (prefers-reduced-motion: reduce)", "@media (prefers-color-scheme: dark)", "<title>", "<desc>", ` still">`} {
		if strings.Count(picture, want) != 1 {
			t.Errorf("%s has %q %d times, want it once", tourPicture, want, strings.Count(picture, want))
		}
	}
	if strings.Contains(picture, "<script") || strings.Contains(picture, "http-equiv") || regexp.MustCompile(`(?:href|src)=`).MatchString(picture) {
		t.Errorf("%s loads or runs something", tourPicture)
	}
}

// takeTour returns what the tour prints, in colour, at the addresses that it has if no
// other program has them.
func takeTour(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	var edge, admin string
	start := func(o demo.EdgeOptions) (demo.Edge, error) {
		e, err := startDemoEdge(o)
		edge, admin = e.URL, e.AdminURL
		return e, err
	}
	err := demo.Run(t.Context(), demo.Options{
		Out: &out, Color: true, Once: true, Tour: true, Program: "apim-edge", EdgeStart: start, Doctor: demoDoctor, Report: demoReport,
		EdgeAddress: "127.0.0.1:0", AdminAddress: "127.0.0.1:0", PageAddress: "127.0.0.1:0", UpstreamAddress: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	text := out.String()
	usual := func(url, port string) {
		const at = "http://127.0.0.1:"
		// Columns stay where they are.
		padded := at + port + strings.Repeat(" ", max(0, len(url)-len(at+port)))
		text = strings.ReplaceAll(text, url+"  ", padded+"  ")
		text = strings.ReplaceAll(text, url, at+port)
	}
	usual(edge, "8080")
	usual(admin, "9090")
	if page := regexp.MustCompile(`(?m)^  Origin: (\S+)$`).FindStringSubmatch(text); page != nil {
		usual(page[1], "8081")
	}
	if upstream := regexp.MustCompile(`(?m)^  (\S+) +a stand-in`).FindStringSubmatch(text); upstream != nil {
		usual(upstream[1], "8082")
	}
	return text
}

// What is another one each time: what was measured, counted by chance, or made up.
var (
	oneOfMany = regexp.MustCompile(`\d\d:\d\d:\d\d\.\d{3}|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\brequest_id=[0-9a-f]{32}\b|\bkey:[0-9a-f]{16}\b|` +
		`\b(?:\d+m)?\d+(?:\.\d+)?(?:µs|ms|s)\b|\bafter +\d+ ms|\bafter \d+ of|\bevents=\d+|127\.0\.0\.1:\d+`)
	digits  = regexp.MustCompile(`[0-9a-f]*\d[0-9a-f]*(?:[-.:][0-9a-f]+)*`)
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// steady is a text without those, and without the breaks of lines, which depend on them.
func steady(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return oneOfMany.ReplaceAllStringFunc(text, func(one string) string {
		return digits.ReplaceAllString(strings.Join(strings.Fields(one), " "), "#")
	})
}

// textOf returns the lines of a picture.
func textOf(t *testing.T, path string) string {
	t.Helper()
	var lines []string
	inLine := false
	for d := xml.NewDecoder(strings.NewReader(read(t, path))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "\n")
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" {
				inLine, lines = true, append(lines, "")
			}
		case xml.EndElement:
			inLine = inLine && token.Name.Local != "text"
		case xml.CharData:
			if inLine {
				lines[len(lines)-1] += string(token)
			}
		}
	}
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil { //nolint:gosec // a page of the project
		t.Fatal(err)
	}
}
