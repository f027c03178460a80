package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/carryover"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/rewrite"
)

// exitPartial is the exit code of import where something is not carried over.
const exitPartial = 3

// importing is what import is asked to do, as flags say it.
type importing struct {
	global, product, fragments, namedValues, keyHeader, upstream, write string
	apis, operations                                                    []string
	noSubscription, force, json                                         bool
}

func newImportCommand() *cobra.Command {
	var i importing
	cmd := &cobra.Command{
		Use: "import [FOLDER]", SuggestFor: []string{"policies", "policy", "read"},
		Short: "Carry policies of API Management over, and list what cannot be",
		Long: `import reads policy documents of API Management as they are kept in repositories,
carries over what apim-edge can do, and lists what it cannot, with file, line, text
and reason. That list is what it is for: each element and each attribute is carried
over, or listed, or listed as one that needs nothing.

  apim-edge import --global none --api openai=api.xml --key-header api-key
  apim-edge import --global global.xml --product gold.xml --api openai=api.xml \
      --operation "POST /chat=chat.xml" --fragments fragments --named-values values.json
  apim-edge import apimartifacts --write edge.yaml       a folder of APIOps
  apim-edge import infra --write edge.yaml               a folder with files of Bicep,
                                                         or templates (ARM)

Scopes: policies of an operation, of its API, of the product and of the instance
(--global) follow on each other where <base /> stands. What was not given is listed;
--global none says that there is nothing above. openai= is the path of the API, its
URL suffix; that of an operation is behind it. --named-values takes a mapping of
names to values, or what az apim nv list prints.

The configuration is for an edge in the place of API Management, and has at each line
a comment that says where it comes from. Keys that stand in policies are never shown:
env:NAME is written in their place, and listed. Where a policy that keeps callers away
is not carried over, nobody passes the route until you have looked at it.

Exit code: 0 all is carried over or needs nothing; 3 something is not carried over;
1 a file cannot be read or written; 2 wrong usage.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&i.global, "global", "", "policy document of the whole instance, or none")
	f.StringVar(&i.product, "product", "", "policy document of the product by which the APIs are called")
	f.StringArrayVar(&i.apis, "api", nil, "policy document of an API, as PATH=FILE or FILE; may be repeated")
	f.StringArrayVar(&i.operations, "operation", nil, "policy document of an operation of the API, as \"METHOD PATH=FILE\" or PATH=FILE; may be repeated")
	f.StringVar(&i.fragments, "fragments", "", "folder with fragments: ID.xml or ID/policy.xml")
	f.StringVar(&i.namedValues, "named-values", "", "file of named values (JSON or YAML)")
	f.StringVar(&i.keyHeader, "key-header", "", "field in which clients send the subscription key, such as api-key")
	f.BoolVar(&i.noSubscription, "no-subscription", false, "the APIs ask for no subscription key")
	f.StringVarP(&i.upstream, "upstream", "u", "", "URL of the service, for APIs whose policies name none")
	f.StringVarP(&i.write, "write", "w", "", "write the configuration to this file, which must not exist")
	f.BoolVar(&i.force, "force", false, "let --write replace a file")
	f.BoolVar(&i.json, "json", false, "print JSON")
	return cmd
}

// oneFolder refuses more than one argument, and one that is no folder.
func oneFolder(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case len(args) > 1:
		return noArguments(cmd, args[1:])
	}
	if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
		return usageError{fmt.Errorf("%s is a file; name it by its scope, as in --api openai=%s", shownArgument(args[0]), args[0])}
	}
	return nil
}

func (i *importing) run(cmd *cobra.Command, args []string) error {
	if err := i.usage(args); err != nil {
		return usageError{err}
	}
	in, err := i.input(args)
	if err != nil {
		return err
	}
	result := carryover.Convert(in)
	if result.Configuration == "" {
		i.write = "" // there is none; the list says why
	} else if err := accepted(result.Configuration); err != nil {
		return err
	}
	if err := i.show(cmd.OutOrStdout(), result); err != nil {
		return err
	}
	if err := i.save(cmd.ErrOrStderr(), result); err != nil {
		return err
	}
	if !result.Complete() {
		return codedError{silentError{errors.New("something is not carried over")}, exitPartial}
	}
	return nil
}

func (i *importing) usage(args []string) error {
	switch {
	case len(args) == 0 && len(i.apis) == 0 && i.product == "" && (i.global == "" || i.global == "none"):
		return errors.New("nothing to import; for example: apim-edge import --global none --api openai=policy.xml, or the folder of APIOps or Bicep")
	case len(args) > 0 && len(i.apis)+len(i.operations) > 0:
		return errors.New("give a folder, or documents by their scope, not both")
	case len(i.operations) > 0 && len(i.apis) != 1:
		return errors.New("--operation goes with one --api, of which it is an operation")
	case i.keyHeader != "" && rewrite.FieldFault(i.keyHeader) != "":
		return errors.New("--key-header: want the name of a field, such as api-key") // not quoted: it may be the key itself
	case i.force && i.write == "":
		return errors.New("--force goes with --write")
	}
	if i.write == "" {
		return nil
	}
	switch info, err := os.Lstat(i.write); {
	case err == nil && !i.force:
		return fmt.Errorf("--write: %s exists; name a new file, or replace it by --force", i.write)
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("--write: %s is no file", i.write)
	}
	return nil
}

// input reads what is to be imported.
func (i *importing) input(args []string) (carryover.Input, error) {
	var in carryover.Input
	var err error
	if len(args) > 0 {
		if in, err = readFolder(args[0]); err != nil {
			return in, err
		}
	}
	var faults []error
	document := func(file string) *apimpolicy.Document {
		doc, err := readPolicy(file)
		faults = append(faults, err)
		return doc
	}
	switch i.global {
	case "":
	case "none":
		in.NoGlobal = true
	default:
		in.Global = document(i.global)
	}
	if i.product != "" {
		in.Product = document(i.product)
	}
	for _, text := range i.apis {
		path, file := pathAndFile(text)
		in.APIs = append(in.APIs, carryover.API{Path: path, Policy: document(file)})
	}
	for _, text := range i.operations {
		path, file := pathAndFile(text)
		op := carryover.Operation{Template: path, Policy: document(file)}
		if m := methodAndPath.FindStringSubmatch(path); m != nil {
			op.Method, op.Template = strings.ToUpper(m[1]), m[2]
		}
		in.APIs[0].Operations = append(in.APIs[0].Operations, op)
	}
	faults = append(faults, i.beside(&in))
	return in, errors.Join(faults...)
}

var methodAndPath = regexp.MustCompile(`^([A-Za-z]+)\s+(/.*)$`)

// beside reads what documents refer to, and what is said of all APIs.
func (i *importing) beside(in *carryover.Input) error {
	var faults []error
	if i.fragments != "" {
		fragments, err := readFragments(i.fragments)
		faults = append(faults, err)
		in.Fragments = merged(in.Fragments, fragments)
	}
	if i.namedValues != "" {
		data, err := os.ReadFile(i.namedValues)
		if err == nil {
			var values map[string]carryover.NamedValue
			if values, err = carryover.ReadNamedValues(data); err != nil {
				err = fmt.Errorf("%s: %w", i.namedValues, err)
			}
			in.NamedValues = merged(in.NamedValues, values)
		}
		faults = append(faults, err)
	}
	if len(in.APIs) == 0 {
		in.APIs = []carryover.API{{}}
	}
	for n := range in.APIs {
		if i.keyHeader != "" {
			in.APIs[n].KeyHeader = i.keyHeader
		}
		in.APIs[n].Open = in.APIs[n].Open || i.noSubscription
	}
	in.Upstream = i.upstream
	return errors.Join(faults...)
}

func merged[T any](into, from map[string]T) map[string]T {
	all := map[string]T{}
	maps.Copy(all, into)
	maps.Copy(all, from)
	return all
}

// pathAndFile takes PATH=FILE apart.
func pathAndFile(text string) (path, file string) {
	if _, err := os.Stat(text); err == nil {
		return "", text
	}
	if path, file, found := strings.Cut(text, "="); found {
		return path, file
	}
	return "", text
}

func readPolicy(file string) (*apimpolicy.Document, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder; name the document in it, or give a folder of APIOps, Bicep or templates alone: apim-edge import %s", file, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return apimpolicy.Read(file, data)
}

func readFragments(dir string) (map[string]*apimpolicy.Document, error) {
	all := map[string]*apimpolicy.Document{}
	var faults []error
	files, _ := filepath.Glob(filepath.Join(dir, "*.xml"))            //nolint:errcheck // the pattern is a good one
	nested, _ := filepath.Glob(filepath.Join(dir, "*", "policy.xml")) //nolint:errcheck // the pattern is a good one
	for _, file := range append(files, nested...) {
		id := strings.TrimSuffix(filepath.Base(file), ".xml")
		if id == "policy" && filepath.Dir(file) != filepath.Clean(dir) {
			id = filepath.Base(filepath.Dir(file))
		}
		doc, err := readPolicy(file)
		all[id] = doc
		faults = append(faults, err)
	}
	if len(all) == 0 {
		faults = append(faults, fmt.Errorf("%s: there are no fragments (ID.xml or ID/policy.xml)", dir))
	}
	return all, errors.Join(faults...)
}

// readFolder reads a folder of APIOps, or one with files of Bicep.
func readFolder(dir string) (carryover.Input, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return carryover.Input{}, fmt.Errorf("%s: there is no such folder", dir)
	}
	if err != nil {
		return carryover.Input{}, err
	}
	if !info.IsDir() {
		return carryover.Input{}, fmt.Errorf("%s is no folder", dir)
	}
	for _, of := range []string{"apis", "products", "policy fragments", "policy.xml"} {
		if _, err := os.Stat(filepath.Join(dir, of)); err == nil {
			return carryover.ReadAPIOps(os.DirFS(dir), dir)
		}
	}
	in, err := carryover.ReadBicep(os.DirFS(dir), dir)
	if err == nil && len(in.APIs) == 0 && in.Global == nil && in.Product == nil {
		err = fmt.Errorf("%s: there are neither policies of APIOps (apis, policy.xml) nor files of Bicep or templates of Resource Manager with APIs or policies; name documents one by one by their scope, as in --api openai=FILE", dir)
	}
	return in, err
}

// accepted holds that serve takes what was written.
func accepted(text string) error {
	f, err := os.CreateTemp("", "apim-edge-import-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is a file of our own
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if _, err := config.Load(config.Options{File: f.Name()}); err != nil {
		return fmt.Errorf("what was carried over would not be accepted, which is a mistake of apim-edge: %s", strings.ReplaceAll(err.Error(), f.Name()+":", "line "))
	}
	return nil
}

func (i *importing) show(out io.Writer, result carryover.Result) error {
	if i.json {
		return printJSON(out, map[string]any{
			"carried": result.Count(carryover.Carried), "not_carried": result.Count(carryover.Left), "needs_nothing": result.Count(carryover.Nothing),
			"items": result.Items, "configuration": result.Configuration,
		})
	}
	text := result.List()
	if i.write == "" {
		text += "\n" + result.Configuration
	}
	_, err := io.WriteString(out, text)
	return err
}

func (i *importing) save(told io.Writer, result carryover.Result) error {
	if i.write == "" {
		return nil
	}
	if err := writeNew(i.write, result.Configuration, i.force); err != nil {
		return err
	}
	fmt.Fprintf(told, "apim-edge: wrote %s; next: read the list, then apim-edge check %s\n", i.write, i.write) //nolint:errcheck // nobody is left to tell
	return nil
}
