package bridge

import (
	"bytes"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Stray is a mistake of a client in the path that can be repaired without guessing.
type Stray uint8

// The known ones. Each is a setting of a client that its user can put right.
const (
	NoStray Stray = iota
	// DeploymentOnV1: /v1/deployments/{name}/... of an AzureOpenAI class whose
	// base_url ends in /v1. The plain class fits there.
	DeploymentOnV1
	// V1BelowDeployment: /deployments/{name}/v1/... of a client that puts /v1 behind
	// every base_url.
	V1BelowDeployment
	// NoVersion: /deployments/{name}/... without api-version, of a plain OpenAI class
	// whose base_url ends in a deployment.
	NoVersion
	// NotBelowDeployment: /deployments/{name}/responses or /batches, which stand at the
	// root of both shapes.
	NotBelowDeployment
	// NoDeployment: an operation of a legacy client without the deployment that it
	// stands below. The body names it.
	NoDeployment
	// DeploymentForV1: a legacy path where clients of v1 are expected.
	DeploymentForV1
	// AlreadyV1: a v1 path where legacy clients are expected.
	AlreadyV1
	// ModelInference: /models/chat/completions or /models/embeddings, the third shape of
	// Azure. As in v1 the body names the model.
	ModelInference
)

// Strays returns each of them.
func Strays() []Stray {
	all := make([]Stray, ModelInference)
	for i := range all {
		all[i] = Stray(i + 1)
	}
	return all
}

// String returns the name by which it is counted.
func (s Stray) String() string {
	return [...]string{
		"none", "deployment_on_v1", "v1_below_deployment", "no_api_version", "not_below_deployment",
		"no_deployment", "deployment_for_v1", "already_v1", "model_inference",
	}[s]
}

// Advice says what is wrong with the client's setting.
func (s Stray) Advice() string {
	return [...]string{
		"",
		"the client is an AzureOpenAI class, which writes legacy paths, with a base_url of v1; use the OpenAI class there",
		"the client puts /v1 behind its base_url, which ends in a deployment; let base_url end in /openai/v1",
		"base_url ends in a deployment and the client sends no api-version; let base_url end in /openai/v1",
		"responses and batches stand below no deployment; take the deployment out of the client's setting",
		"the operation stands below a deployment in the legacy API; the name was taken from the body",
		"the client speaks legacy, the route is for clients of v1",
		"the client speaks v1 already; a route without bridge fits it",
		"the client is one of Azure AI Model Inference, whose paths begin with /models; use an OpenAI class",
	}[s]
}

// findOperation reads what stands in the path behind the prefix: [/openai][/v1][/models]
// and an operation, or [/openai][/v1]/deployments/{name}[/v1] and an operation.
func (c *Crossing) findOperation(r *Request) error {
	path, _ := cutSegment(r.Path[r.Prefix:], "/openai")
	path, onV1 := cutSegment(path, "/v1")
	if rest, found := bytes.CutPrefix(path, []byte("/deployments/")); found {
		return c.findBelow(r, rest, onV1 || bytes.HasSuffix(r.Path[:r.Prefix], []byte("/v1")))
	}
	path, inference := cutInference(r.Method, path)
	if c.operation = at(r.Method, path); c.operation == nil {
		return impossible("the bridge knows no operation with this method and path; it knows those of the OpenAI API, such as POST /chat/completions")
	}
	c.rest = path
	switch {
	case inference:
		c.stray = ModelInference
	case c.table.toV1 && onV1:
		c.stray = AlreadyV1
	case c.table.toV1 && c.operation.below == deployment:
		c.stray = NoDeployment
	}
	return nil
}

// findBelow reads what stands below /deployments/.
func (c *Crossing) findBelow(r *Request, rest []byte, onV1 bool) error {
	name, o := belowDeployment(r.Method, rest)
	if o == nil {
		return impossible("the bridge knows no operation of a deployment with this method and path")
	}
	c.operation, c.inPath, c.rest = o, true, rest[len(name):]
	known := c.lookUp(name)
	cut, below := bytes.CutSuffix(name, []byte("/v1"))
	if !known && below { // a name may end so
		known = c.lookUp(cut)
	}
	switch {
	case !known:
		return edgeerr.New(edgeerr.ModelNotFound, "")
	case onV1:
		c.stray = DeploymentOnV1
	case below && len(cut) < len(name):
		c.stray = V1BelowDeployment
	case o.below == stray:
		c.stray = NotBelowDeployment
	case !hasVersion(r.Query):
		c.stray = NoVersion
	case !c.table.toV1:
		c.stray = DeploymentForV1
	}
	return nil
}

// lookUp finds the model of a name in the path, decoded once.
func (c *Crossing) lookUp(name []byte) bool {
	var room [maxName]byte
	c.model = c.table.named(decodePercent(room[:], name), true)
	return c.model != nil
}

// cutInference takes /models off, where a client asks a model for something: whoever lists
// models does not post.
func cutInference(method, path []byte) (rest []byte, found bool) {
	if string(method) != "POST" {
		return path, false
	}
	return cutSegment(path, "/models")
}

// cutSegment takes a segment off the front.
func cutSegment(path []byte, segment string) (rest []byte, found bool) {
	rest, found = bytes.CutPrefix(path, []byte(segment))
	if !found || len(rest) > 0 && rest[0] != '/' {
		return path, false
	}
	return rest, true
}
