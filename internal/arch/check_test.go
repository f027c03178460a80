package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/apim-edge/apim-edge"

// source is one Go file of the module.
type source struct {
	name, folder string
	test         bool
	lines        int
	positions    *token.FileSet
	syntax       *ast.File
}

// check returns every fault of the module in tree, sorted. It parses all files
// whatever their build constraints, so that the code for other systems keeps
// the rules as well.
func check(tree fs.FS) ([]string, error) {
	var faults []string
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skip(tree, name)
		case path.Ext(name) != ".go":
			return nil
		}
		s, err := parse(tree, name)
		if err != nil {
			return err
		}
		faults = slices.Concat(faults, checkImports(s), checkLengths(s), checkVerification(s))
		return nil
	})
	slices.Sort(faults)
	return faults, err
}

// skip leaves out folders that hold no code of this module, as the go command does.
func skip(tree fs.FS, folder string) error {
	if folder == "." {
		return nil
	}
	base := path.Base(folder)
	if base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor" || base == "node_modules" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(folder, "go.mod")); err == nil {
		return fs.SkipDir // another module
	}
	return nil
}

func parse(tree fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return source{}, err
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return source{
		name: name, folder: path.Dir(name), test: strings.HasSuffix(name, "_test.go"),
		lines: bytes.Count(text, []byte("\n")), positions: positions, syntax: syntax,
	}, err
}

func checkImports(s source) (faults []string) {
	if s.test {
		return nil
	}
	for _, spec := range s.syntax.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{fmt.Sprintf("%s: import %s cannot be read", s.name, spec.Path.Value)}
		}
		if own, found := strings.CutPrefix(imported, module+"/"); found {
			faults = append(faults, checkOwn(s, own)...)
		}
		faults = append(faults, checkForeign(s, imported)...)
	}
	if _, known := rowOf(s.folder); !known {
		faults = append(faults, fmt.Sprintf("%s: no row of mayImport in internal/arch/rules_test.go fits the folder %s; add one", s.name, s.folder))
	}
	return faults
}

// rowOf returns the index of the row of mayImport that fits the folder.
func rowOf(folder string) (i int, known bool) {
	for i, r := range mayImport {
		if matches(r.folder, folder) {
			return i, true
		}
	}
	return 0, false
}

func checkOwn(s source, imported string) []string {
	i, known := rowOf(s.folder)
	if !known {
		return nil // said once for the folder
	}
	r := mayImport[i]
	withinTree := strings.HasSuffix(r.folder, "/...") && matches(r.folder, imported)
	if withinTree || matchesAny(r.imports, imported) {
		return nil
	}
	return []string{fmt.Sprintf("%s: imports %s, but %s may import %s of the project: %s",
		s.name, imported, r.folder, list(r.imports), r.why)}
}

func checkForeign(s source, imported string) (faults []string) {
	for _, r := range onlyIn {
		if matches(r.imported, imported) && !matchesAny(r.folders, s.folder) {
			faults = append(faults, fmt.Sprintf("%s: imports %s, which only %s may: %s", s.name, imported, list(r.folders), r.why))
		}
	}
	for _, r := range never {
		if matches(r.folder, s.folder) && matchesAny(r.imported, imported) {
			faults = append(faults, fmt.Sprintf("%s: imports %s, which %s must not: %s", s.name, imported, r.folder, r.why))
		}
	}
	return faults
}

// checkVerification holds what SECURITY.md says: nothing, and so no switch, turns
// the verification of a certificate off.
func checkVerification(s source) (faults []string) {
	if s.test {
		return nil
	}
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && name.Name == "InsecureSkipVerify" {
			faults = append(faults, fmt.Sprintf("%s: names InsecureSkipVerify, but certificates are always verified (SECURITY.md)", s.name))
		}
		return true
	})
	return faults
}

func checkLengths(s source) (faults []string) {
	if ast.IsGenerated(s.syntax) {
		return nil
	}
	if s.lines > maxFileLines {
		faults = append(faults, fmt.Sprintf("%s: has %d lines, at most %d fit one concern", s.name, s.lines, maxFileLines))
	}
	for _, d := range s.syntax.Decls {
		f, isFunction := d.(*ast.FuncDecl)
		if !isFunction || s.test {
			continue
		}
		if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunctionLines {
			faults = append(faults, fmt.Sprintf("%s:%d: func %s has %d lines, at most %d fit a screen", s.name, s.line(f.Pos()), f.Name.Name, n, maxFunctionLines))
		}
	}
	return faults
}

func (s source) line(p token.Pos) int { return s.positions.Position(p).Line }

func matches(p pattern, name string) bool {
	root, tree := strings.CutSuffix(p, "/...")
	return name == root || tree && strings.HasPrefix(name, root+"/")
}

func matchesAny(patterns []pattern, name string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return matches(p, name) })
}

func list(patterns []pattern) string {
	if len(patterns) == 0 {
		return "nothing"
	}
	return strings.Join(patterns, ", ")
}
