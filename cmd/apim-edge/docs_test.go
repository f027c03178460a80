package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/rewrite"
)

const root = "../.."

// pages returns every page of the project that people write or read, by its
// path from the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	files := []string{"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
	for _, f := range testkit.Files(t, root+"/docs/*.md", root+"/docs/decisions/*.md") {
		files = append(files, strings.TrimPrefix(filepath.ToSlash(f), root+"/"))
	}
	for _, f := range files {
		all[f] = read(t, f)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	return testkit.Read(t, filepath.Join(root, path))
}

// has reports whether the file, or one in the folder, has the text.
func has(t *testing.T, path, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, path, "*.go"))
	testkit.Must(t, err)
	if len(files) == 0 {
		return strings.Contains(read(t, path), text)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		return strings.Contains(read(t, strings.TrimPrefix(filepath.ToSlash(f), root+"/")), text)
	})
}

var (
	link    = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	aTest   = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// TestLinksLeadSomewhere: each link to a file finds it, with its heading if it
// names one, and a link that names a test leads to the file that has it.
func TestLinksLeadSomewhere(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[2], "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := page
			if target != "" {
				path = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s: %s leads to nothing", page, m[2])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(read(t, path)), anchor) {
				t.Errorf("%s: %s has no heading for #%s", page, path, anchor)
			}
			for _, name := range aTest.FindAllString(m[1], -1) {
				if !has(t, path, "func "+name+"(") {
					t.Errorf("%s: %s is not in %s", page, name, path)
				}
			}
		}
	}
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		slug := strings.ToLower(strings.ReplaceAll(m[1], " ", "-"))
		all = append(all, regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(slug, ""))
	}
	return all
}

// TestCommandLinesAreRight: each command and flag of apim-edge that a page names
// exists.
func TestCommandLinesAreRight(t *testing.T) {
	line := regexp.MustCompile("(?:^|[`/ ])apim-edge((?: --?[a-z][\\w-]*| [a-z]+)[^`|\n]*)")
	flagName := regexp.MustCompile(`(?:^|\s)(--?[a-zA-Z][\w-]*)`)
	seen := 0
	for page, text := range pages(t) {
		for _, m := range line.FindAllStringSubmatch(commands(text), -1) {
			words, _, _ := strings.Cut(m[1], " -- ")
			words, _, _ = strings.Cut(words, "#")
			cmd, rest, err := newRootCommand().Find(strings.Fields(words))
			if err != nil || !cmd.HasParent() {
				t.Errorf("%s: apim-edge%s: no such command", page, words)
				continue
			}
			seen++
			for _, f := range flagName.FindAllStringSubmatch(strings.Join(rest, " "), -1) {
				if !knowsFlag(cmd, f[1]) {
					t.Errorf("%s: apim-edge%s: %s has no flag %s", page, words, cmd.Name(), f[1])
				}
			}
		}
	}
	if seen < 9 {
		t.Errorf("found %d command lines, want more: is the pattern right?", seen)
	}
}

// commands returns what stands in code, a line each: elsewhere apim-edge is a
// name in a sentence.
func commands(text string) string {
	var all []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, strings.ReplaceAll(m[1], "go run ./cmd/apim-edge", "apim-edge"))
	}
	for _, m := range regexp.MustCompile("`(apim-edge [^`\n]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return strings.Join(all, "\n")
}

func knowsFlag(cmd *cobra.Command, name string) bool {
	cmd.InitDefaultHelpFlag()
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return cmd.Flags().Lookup(long) != nil
	}
	return cmd.Flags().ShorthandLookup(name[1:2]) != nil
}

// TestErrorTextsAreThoseOfTheProgram: what the README tells people to look for
// is what APIM, Azure OpenAI and apim-edge say.
func TestErrorTextsAreThoseOfTheProgram(t *testing.T) {
	part := section(t, read(t, "README.md"), "## When it does not work", "## ")
	gate := read(t, "internal/lookalike/gate.go")
	problems := read(t, "rewrite/problem.go")
	texts := regexp.MustCompile("(?m)^### `([^`]+)`.*\n\nSaid by: (.+)\\.$").FindAllStringSubmatch(part, -1)
	if len(texts) < 10 {
		t.Fatalf("found %d texts, want each heading and who says it", len(texts))
	}
	for _, m := range texts {
		text, who := m[1], m[2]
		switch {
		case who == "APIM" || who == "Azure OpenAI":
			if !strings.Contains(gate, `"`+text+`"`) {
				t.Errorf("the look-alike does not say %q", text)
			}
		case strings.Contains(who, "`"):
			checkEdgeText(t, text, who, problems)
		}
	}
}

// checkEdgeText wants a heading that names a code to have its status, and its text
// to begin as the edge's does; "..." stands for the rest.
func checkEdgeText(t *testing.T, text, who, problems string) {
	t.Helper()
	named := regexp.MustCompile("`([a-z_]+)`, (\\d+)").FindStringSubmatch(who)
	i := slices.IndexFunc(edgeerr.Codes(), func(c edgeerr.Code) bool { return named != nil && c.String() == named[1] })
	if i < 0 {
		t.Errorf("%q: no such error", who)
		return
	}
	code := edgeerr.Codes()[i]
	if named[2] != strconv.Itoa(code.Status()) {
		t.Errorf("%s has the status %d, not %s", code, code.Status(), named[2])
	}
	start := strings.TrimSuffix(text, " ...")
	inCode := strings.NewReplacer("Authorization contains", `" + p.place + " contains`,
		"Authorization more", `" + p.place + " more`).Replace(start)
	if !strings.HasPrefix(edgeerr.New(code, "").Text(), start) && !strings.Contains(problems, inCode) {
		t.Errorf("apim-edge does not say %q", start)
	}
}

// section returns what stands between a heading and the next one.
func section(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from+"\n")
	if !ok {
		t.Fatalf("no section %q", from)
	}
	rest, _, _ = strings.Cut(rest, "\n"+to)
	return rest
}

// TestReasonsAreExplained: the page on migration says of each reason what
// becomes of the request without the edge.
func TestReasonsAreExplained(t *testing.T) {
	page := read(t, "docs/migration.md")
	for _, r := range rewrite.Reasons() {
		if !strings.Contains(page, "`"+r.String()+"`") {
			t.Errorf("docs/migration.md does not name the reason %s", r)
		}
	}
}

// TestTheMapIsWhole: each folder that the rules of internal/arch place stands on
// the map in ARCHITECTURE.md.
func TestTheMapIsWhole(t *testing.T) {
	page := section(t, read(t, "ARCHITECTURE.md"), "## The map", "## ")
	rules, _, _ := strings.Cut(read(t, "internal/arch/rules_test.go"), "var onlyIn")
	rows := regexp.MustCompile(`(?m)^\t\{"([\w/]+?)(?:/\.\.\.)?", (?:nil|\[\]pattern)`).FindAllStringSubmatch(rules, -1)
	if len(rows) < 15 {
		t.Fatalf("found %d rules, want more: is the pattern right?", len(rows))
	}
	for _, m := range rows {
		folder := strings.Replace(m[1], "cmd", "cmd/apim-edge", 1)
		if !strings.Contains(page, "["+folder+"]("+folder+")") {
			t.Errorf("the map does not show %s", folder)
		}
	}
}

// TestEachLibraryHasItsDecision: whatever is imported from elsewhere has a page
// that says why.
func TestEachLibraryHasItsDecision(t *testing.T) {
	decisions := ""
	for page, text := range pages(t) {
		if strings.HasPrefix(page, "docs/decisions/") {
			decisions += text
		}
	}
	for imported := range foreignImports(t) {
		words := strings.SplitN(strings.TrimPrefix(imported, "github.com/"), "/", 3)
		library := strings.Join(words[:min(2, len(words))], "/")
		if !strings.Contains(decisions, library) {
			t.Errorf("no page in docs/decisions is about %s", imported)
		}
	}
}

// foreignImports returns what the main module's code imports from elsewhere.
func foreignImports(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, ofItsOwn := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && ofItsOwn == nil || strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(name, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(name, "github.com/apim-edge/") {
				all[name] = true
			}
		}
		return nil
	})
	testkit.Must(t, err)
	return all
}
