package bridge

import (
	"bytes"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Request is what the bridge reads of the head of a request.
type Request struct {
	Method []byte
	// Path has been checked: no segment of it is a dot. The path_prefix of the route ends
	// at Prefix.
	Path        []byte
	Prefix      int
	Query       []byte // without the question mark
	ContentType []byte
	Encoded     bool // there is a Content-Encoding other than identity
	HasBody     bool
}

// Crossing is one request on its way over the bridge. It aliases the request's path
// and query until AppendPath and AppendQuery were called, and is not to be copied.
type Crossing struct {
	table     *Table
	operation *operation
	stray     Stray
	rest      []byte // path of the operation
	query     []byte
	model     *model // nil where the operation has none, or it is not known yet
	inPath    bool   // the path named the model
	answer    string // of the edge itself

	reads    bool // the body has to be read
	replaces bool // and its model replaced
	isForm   bool
	json     jsonScan
	form     formScan
	edit     span   // what is replaced of the body
	with     []byte // nil: nothing
}

// Begin reads the line of a request and says by NeedsBody and Answer how it goes on.
// An error is an *edgeerr.Error.
func (t *Table) Begin(c *Crossing, r *Request) error {
	*c = Crossing{table: t, query: r.Query}
	if err := c.findOperation(r); err != nil {
		return err
	}
	switch way := c.way(); {
	case c.stray == AlreadyV1: // the client speaks the upstream's shape: nothing but api-version is taken off
		return nil
	case way.Fidelity == Impossible:
		return impossible(way.note)
	case c.operation.listed && !t.toV1:
		return c.answerModels()
	}
	return c.beginModel(r)
}

// beginModel decides whether the body has to be read, for the name that it has or for
// the name that it should have.
func (c *Crossing) beginModel(r *Request) error {
	t, o := c.table, c.operation
	if !o.model {
		return c.checkVersion()
	}
	if c.model == nil && len(t.models) == 1 && !t.toV1 {
		c.model = t.models[0]
	}
	if c.model == nil && !r.HasBody {
		if err := c.fallBack(); err != nil {
			return err
		}
	}
	named := c.model == nil
	inBody := t.toV1 || o.below != deployment // the other side reads the name in the body
	c.replaces = inBody && (named || c.inPath || c.model.name != c.model.deployment)
	if c.reads = named || c.replaces; !c.reads || !r.HasBody {
		c.reads = false
		return c.checkVersion()
	}
	if r.Encoded {
		return edgeerr.New(edgeerr.BodyEncoded, "")
	}
	if c.isForm = isForm(r.ContentType); c.isForm {
		if err := c.form.begin(r.ContentType); err != nil {
			return err
		}
	}
	if named {
		return nil // which of the api-versions counts is not known yet
	}
	return c.checkVersion()
}

func isForm(contentType []byte) bool {
	kind, _, _ := bytes.Cut(contentType, []byte{';'})
	return equalFold(bytes.Trim(kind, " \t"), "multipart/form-data")
}

// checkVersion refuses what an API of the version cannot have. What a GA version lacks
// though a preview in front of it had it, only the upstream knows.
func (c *Crossing) checkVersion() error {
	since := c.operation.since
	if c.table.toV1 || since == "" || date(c.version()) >= date(since) {
		return nil
	}
	key := "that of all models in the table"
	if c.model != nil {
		key = "that of the model"
	}
	return impossible("the legacy API has this operation (" + c.operation.name + ") from api-version " + since + " on, but " +
		key + " is older; raise api_version in bridge.models of the route")
}

// version returns the api-version that the legacy side is sent.
func (c *Crossing) version() string {
	switch {
	case c.table.toV1:
		return ""
	case c.model != nil:
		return c.model.version
	}
	return c.table.newest
}

func impossible(text string) *edgeerr.Error { return edgeerr.New(edgeerr.BridgeImpossible, text) }

// answerModels answers from the table.
func (c *Crossing) answerModels() error {
	const list = "/models"
	if len(c.rest) <= len(list)+1 {
		c.answer = c.table.list
		return nil
	}
	var room [maxName]byte
	m := c.table.byName[string(decodePercent(room[:], c.rest[len(list)+1:]))]
	if m == nil {
		return edgeerr.New(edgeerr.ModelNotFound, "")
	}
	c.answer = m.listed
	return nil
}

// Answer returns the JSON text by which the edge answers by itself, or "".
func (c *Crossing) Answer() string { return c.answer }

// Operation returns the name of the operation.
func (c *Crossing) Operation() string { return c.operation.name }

// Way says how well the operation crosses; note says what is lost.
func (c *Crossing) Way() (f Fidelity, note string) {
	if c.stray == AlreadyV1 {
		return Exact, ""
	}
	w := c.way()
	return w.Fidelity, w.note
}

func (c *Crossing) way() *way {
	if c.table.toV1 {
		return &c.operation.v1
	}
	return &c.operation.legacy
}

// Replaces reports whether the model in the body is replaced, or added.
func (c *Crossing) Replaces() bool { return c.replaces }

// Stray says by which mistake of a client, that was repaired, the request came.
func (c *Crossing) Stray() Stray { return c.stray }

// Model returns the name of the model as the v1 side has it, and as the legacy side
// has it. Both are of the table, and empty where no model is known.
func (c *Crossing) Model() (name, deployment string) {
	if c.model == nil {
		return "", ""
	}
	return c.model.name, c.model.deployment
}

// Assume goes on without the body, to explain a request of which there is none. Where it
// would have named the model, the default is taken, or the first one of the table: then
// assumed is true.
func (c *Crossing) Assume() (assumed bool) {
	c.reads = false
	if c.model != nil {
		return false
	}
	if c.model = c.table.fallback; c.model == nil {
		c.model = c.table.models[0]
	}
	return true
}

// AppendPath appends the path for the upstream, behind that of its own URL.
func (c *Crossing) AppendPath(dst []byte) []byte {
	dst = append(dst, c.table.prefix...)
	if !c.table.toV1 && c.operation.below == deployment {
		dst = append(dst, "/deployments/"...)
		dst = append(dst, c.model.escaped...)
	}
	return append(dst, c.rest...)
}

// AppendQuery appends the query for the upstream, without a question mark. Where
// nothing is appended there is none.
func (c *Crossing) AppendQuery(dst []byte) []byte {
	return appendQuery(dst, c.query, c.version())
}
