package demo

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// half is the width of each of two texts that stand side by side.
const half = (width - 4) / 2

// sides sends one request twice, straight to the look-alike and through the edge, and
// shows both answers side by side.
func (s *show) sides() error {
	direct, err := s.answer(s.upstreamURL)
	if err != nil {
		return err
	}
	through, err := s.answer(s.edgeURL)
	if err != nil {
		return err
	}
	s.out.beside(
		append([]string{s.out.style(bold, "Straight to API Management"), ""}, direct.lines...),
		append([]string{s.out.style(bold, "Through apim-edge"), ""}, through.lines...),
	)
	s.promise(direct.status == http.StatusUnauthorized, "the look-alike should have answered 401")
	s.promise(through.status == http.StatusOK, "the edge should have relayed a 200")
	return nil
}

// answer is a request and what came back, for half a screen.
type answer struct {
	status int
	lines  []string
}

func (s *show) answer(base string) (answer, error) {
	resp, err := s.ask(base)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("the answer broke off: %w", err)
	}
	style, text := red, string(body)
	if resp.StatusCode == http.StatusOK {
		style, text = green, ""
		for line := range strings.Lines(string(body)) {
			if data, isData := strings.CutPrefix(strings.TrimSpace(line), "data: "); isData {
				text += wordIn(data)
			}
		}
	}
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	return answer{resp.StatusCode, []string{
		"POST " + base, path, "Authorization: Bearer " + subscriptionKey, "", s.out.style(style, status), text,
	}}, nil
}

// beside prints two texts side by side, each wrapped to its half.
func (p *printer) beside(left, right []string) {
	a, b := halves(left), halves(right)
	var all strings.Builder
	for i := range max(len(a), len(b)) {
		var l, r string
		if i < len(a) {
			l = a[i]
		}
		if i < len(b) {
			r = b[i]
		}
		line := "  " + l + strings.Repeat(" ", max(0, half-utf8.RuneCountInString(withoutColor(l)))) + "  " + r
		all.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	p.write(all.String())
}

// halves wraps each of the texts to half a screen.
func halves(texts []string) (lines []string) {
	for _, text := range texts {
		var out strings.Builder
		w := wrapper{p: &printer{w: &out}, limit: half}
		w.put(text)
		w.close()
		lines = append(lines, strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")...)
	}
	return lines
}
