package main

import (
	"encoding/xml"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// The picture is whole, says what it shows, and has colours for a dark page.
func TestThePictureOfAFailover(t *testing.T) {
	f := &failover{bands: []band{{"429", 0.5, 1}}}
	for i := range 8 {
		f.whole = append(f.whole, moment{at: time.Duration(i+1) * slice, served: [2]float64{150, float64(i)}, p50: 1, most: 20})
	}
	file := filepath.Join(t.TempDir(), "failover.svg")
	testkit.Must(t, f.draw(file))
	text := testkit.Read(t, file)
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"<title ", "<desc ", "prefers-color-scheme: dark", ">429<", ">errors at the client<"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture has no %s", want)
		}
	}
	// What the dark page changes must be there, as it is written.
	for _, want := range []string{"stroke:#1F2328", "stroke:#0072B2"} {
		if strings.Count(text, want) < 2 {
			t.Errorf("nothing is drawn with %s", want)
		}
	}
}
