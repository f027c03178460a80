package carryover

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/carryover/bicep"
)

// service is what types of resources of API Management begin with.
const service = "Microsoft.ApiManagement/service"

// bicepFile is one file that is being read.
type bicepFile struct {
	*folder
	path, text string
	parsed     *bicep.File
	in         *Input
	apis       map[*bicep.Resource]int // positions in in.APIs
	template   bool                    // JSON, where a document stands on one line
}

// ReadBicep reads the files of Bicep in a folder, and templates of Azure Resource Manager
// that were not compiled from one of them: APIs, policies, fragments, named values and
// backends, as far as they are written there as such.
func ReadBicep(files fs.FS, name string) (Input, error) {
	f := &folder{FS: files, name: name}
	in := Input{Fragments: map[string]*apimpolicy.Document{}, NamedValues: map[string]NamedValue{}, Backends: map[string]Backend{}}
	err := fs.WalkDir(files, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(file) != ".bicep" && (path.Ext(file) != ".json" || f.compiled(file)):
			return nil
		}
		b := &bicepFile{folder: f, path: file, text: string(f.read(file)), in: &in, apis: map[*bicep.Resource]int{}}
		b.parse()
		b.take()
		return nil
	})
	return in, errors.Join(f.fault, err)
}

// compiled reports whether a file of Bicep of the same name stands beside.
func (f *folder) compiled(file string) bool {
	_, err := fs.Stat(f, strings.TrimSuffix(file, ".json")+".bicep")
	return err == nil
}

func (b *bicepFile) parse() {
	b.parsed = &bicep.File{}
	switch {
	case path.Ext(b.path) == ".bicep":
		b.parsed = bicep.Read(b.text)
	case bicep.IsTemplate(b.text):
		b.template = true
		parsed, err := bicep.ReadTemplate(b.text)
		if err != nil {
			b.fault = errors.Join(b.fault, fmt.Errorf("%s: %w", b.called(b.path), err))
			return
		}
		b.parsed = parsed
	}
}

// take adds what a file has. APIs come first, since others belong to them.
func (b *bicepFile) take() {
	for _, r := range b.parsed.Resources {
		if b.kind(r) == "apis" {
			b.apis[r] = len(b.in.APIs)
			b.in.APIs = append(b.in.APIs, b.api(r))
		}
	}
	for _, r := range b.parsed.Resources {
		b.resource(r)
	}
}

// kind is the type of a resource behind that of the service, with those of the
// resources that it is nested in.
func (b *bicepFile) kind(r *bicep.Resource) string {
	kind := r.Type
	for up := r.Parent; up != nil; up = up.Parent {
		kind = up.Type + "/" + kind
	}
	rest, ok := strings.CutPrefix(kind, service+"/")
	if !ok {
		return ""
	}
	return rest
}

func (b *bicepFile) resource(r *bicep.Resource) {
	kind := b.kind(r)
	properties := r.Body.Property("properties")
	switch kind {
	case "policies":
		doc := b.policy(r)
		if doc == nil {
			b.in.Unread = b.place(r)
		} else if b.in.Global != nil {
			b.note(r, "a second policy of the whole instance; the one of "+b.in.Global.File+" is looked at")
		} else {
			b.in.Global = doc
		}
	case "products/policies":
		doc := b.policy(r)
		if doc == nil {
			b.in.Unread = b.place(r)
		} else if b.in.Product != nil {
			b.note(r, "a second product with a policy, of which API Management takes that of the caller's key; looked at is "+b.in.Product.File)
		} else {
			b.in.Product = doc
		}
	case "apis/policies":
		if doc := b.policy(r); doc != nil {
			b.apiOf(r).Policy = doc
		} else {
			b.apiOf(r).Unread = b.place(r)
		}
	case "apis/operations/policies":
		if doc := b.policy(r); doc != nil {
			op := b.parent(r)
			method, _ := b.plain(op.Body.Property("properties", "method"))
			template, _ := b.plain(op.Body.Property("properties", "urlTemplate"))
			api := b.apiOf(op)
			api.Operations = append(api.Operations, Operation{Name: op.Symbol, Method: strings.ToUpper(method), Template: template, Policy: doc})
		} else {
			b.apiOf(b.parent(r)).Unread = b.place(r)
		}
	case "policyFragments", "policyfragments":
		if doc := b.policy(r); doc != nil {
			b.in.Fragments[b.name(r)] = doc
		}
	case "namedValues":
		b.namedValue(r, properties)
	case "backends":
		b.in.Backends[b.name(r)] = b.backend(r, properties)
	default:
		if strings.HasPrefix(kind, "workspaces/") {
			b.note(r, "apim-edge import does not look into workspaces")
		}
	}
}

func (b *bicepFile) line(offset int) int { return strings.Count(b.text[:offset], "\n") + 1 }

// place is where a resource stands.
func (b *bicepFile) place(r *bicep.Resource) string {
	return b.called(b.path) + ":" + itoa(b.line(r.Offset))
}

func (b *bicepFile) note(r *bicep.Resource, reason string) {
	b.in.Notes = append(b.in.Notes, Item{Fate: Left, File: b.called(b.path), Line: b.line(r.Offset), What: r.Symbol, Reason: reason, Affects: Unknown})
}

// plain returns the text of a value, following names.
func (b *bicepFile) plain(v bicep.Value) (text string, ok bool) {
	for range 8 {
		if v.Text != nil {
			return v.Text.Value, true
		}
		next, known := b.parsed.Names[v.Code]
		if !known {
			return "", false
		}
		v = next
	}
	return "", false
}

// name is the last part of a resource's name, or its symbol.
func (b *bicepFile) name(r *bicep.Resource) string {
	text, ok := b.plain(r.Body.Property("name"))
	if !ok || strings.Contains(text, "${") {
		return r.Symbol
	}
	return path.Base(text)
}

// parent is the resource that another one belongs to, or one that is not in the file.
func (b *bicepFile) parent(r *bicep.Resource) *bicep.Resource {
	if r.Parent != nil {
		return r.Parent
	}
	symbol := r.Body.Property("parent").Code
	for _, other := range b.parsed.Resources {
		if other.Symbol == symbol {
			return other
		}
	}
	return &bicep.Resource{Symbol: cmp.Or(symbol, r.Symbol)}
}

// apiOf returns the API that a resource belongs to.
func (b *bicepFile) apiOf(r *bicep.Resource) *API {
	parent := b.parent(r)
	i, known := b.apis[parent]
	if !known {
		i = len(b.in.APIs)
		b.apis[parent] = i
		b.in.APIs = append(b.in.APIs, API{Name: parent.Symbol, From: b.called(b.path)})
	}
	return &b.in.APIs[i]
}

func (b *bicepFile) api(r *bicep.Resource) API {
	p := r.Body.Property("properties")
	api := API{Name: b.name(r), From: b.place(r)}
	var ok bool
	if api.Path, ok = b.plain(p.Property("path")); !ok && p.Object != nil {
		b.note(r, "the path of this API is not written in the file; / is taken")
	}
	api.URL, _ = b.plain(p.Property("serviceUrl"))
	if strings.Contains(api.URL, "${") {
		api.URL = ""
	}
	if strings.Contains(api.Path, "${") {
		b.note(r, "the path of this API is put together; / is taken")
		api.Path = ""
	}
	api.KeyHeader, _ = b.plain(p.Property("subscriptionKeyParameterNames", "header"))
	api.Open = p.Property("subscriptionRequired").Code == "false"
	return api
}

func (b *bicepFile) namedValue(r *bicep.Resource, p bicep.Value) {
	displayName, ok := b.plain(p.Property("displayName"))
	if !ok {
		displayName = b.name(r)
	}
	value, literal := b.plain(p.Property("value"))
	vault, _ := b.plain(p.Property("keyVault", "secretIdentifier"))
	secret := p.Property("secret").Code == "true"
	if !literal && vault == "" && !secret || strings.Contains(value, "${") {
		b.note(r, "the value of the named value "+displayName+" is not written in the file; give it by --named-values FILE")
		return
	}
	b.in.NamedValues[displayName] = NamedValue{Value: value, Secret: secret, Vault: vault}
}

func (b *bicepFile) backend(r *bicep.Resource, p bicep.Value) Backend {
	out := Backend{From: b.called(b.path), Line: b.line(r.Offset)}
	out.URL, _ = b.plain(p.Property("url"))
	for _, s := range p.Property("pool", "services").List {
		id, ok := b.plain(s.Property("id"))
		if symbol, isID := strings.CutSuffix(s.Property("id").Code, ".id"); !ok && isID {
			id = b.name(b.parent(&bicep.Resource{Body: bicep.Value{Object: map[string]bicep.Value{"parent": {Code: symbol}}}}))
		}
		out.Pool = append(out.Pool, PoolMember{path.Base(id), atoi(s.Property("priority").Code), atoi(s.Property("weight").Code)})
	}
	for _, key := range sortedKeys(extraReason) {
		if v := p.Property(key); v.Object != nil || v.Code != "" {
			out.Extra = append(out.Extra, extraReason[key])
		}
	}
	return out
}

var loaded = regexp.MustCompile(`loadTextContent\(\s*'([^'\n]+)'`)

// policy reads the document that a resource has as its value.
func (b *bicepFile) policy(r *bicep.Resource) *apimpolicy.Document {
	format, _ := b.plain(r.Body.Property("properties", "format"))
	if strings.HasSuffix(format, "-link") {
		b.note(r, "the policy is behind a link; download it, and import the file")
		return nil
	}
	v := r.Body.Property("properties", "value")
	for range 8 { // names that stand for names
		if v.Text != nil {
			return b.inline(r, v.Text)
		}
		if m := loaded.FindStringSubmatch(v.Code); m != nil {
			return b.loaded(r, m[1])
		}
		next, known := b.parsed.Names[nameIn(v.Code)]
		if !known {
			break
		}
		v = next
	}
	b.note(r, "the text of this policy is not written in the file, nor loaded by loadTextContent; import its file by --api, --product or --global")
	return nil
}

var firstName = regexp.MustCompile(`^(?:replace\(\s*)*(\w+)`)

// nameIn returns the name that an expression is, or that it replaces parts of.
func nameIn(code string) string {
	if m := firstName.FindStringSubmatch(code); m != nil {
		return m[1]
	}
	return ""
}

func (b *bicepFile) loaded(r *bicep.Resource, name string) *apimpolicy.Document {
	file := path.Join(path.Dir(b.path), name)
	if !fs.ValidPath(file) {
		b.note(r, "the file of this policy ("+name+") is outside of the folder; import the folder that has both")
		return nil
	}
	doc := b.document(file)
	if doc == nil && b.fault == nil {
		b.fault = fmt.Errorf("%s: loads %s, which is not there", b.called(b.path), name)
	}
	return doc
}

// inline reads a document in the file itself. It is kept at its place, so that lines
// are those of the file. In a template the lines are its own, behind that of the resource.
func (b *bicepFile) inline(r *bicep.Resource, t *bicep.Text) *apimpolicy.Document {
	if b.template {
		doc, err := apimpolicy.Read(b.place(r), []byte(t.Value))
		b.fault = errors.Join(b.fault, err)
		return doc
	}
	padding := strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, b.text[:t.Begin])
	doc, err := apimpolicy.Read(b.called(b.path), []byte(padding+t.Value))
	b.fault = errors.Join(b.fault, err)
	return doc
}
