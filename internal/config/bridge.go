package config

// Bridge leads from one shape of the API to the other.
type Bridge struct {
	// The shape that the upstream speaks. legacy: clients speak v1. v1: clients
	// speak legacy. Empty: requests go on as they are.
	To string `koanf:"to" oneof:"legacy v1" zero:"ok"`
	// What stands in front of an operation towards the upstream, behind the path
	// of its url. path_prefix is taken off. Empty: /openai for legacy, /openai/v1
	// for v1. /: nothing.
	Prefix string `koanf:"prefix"`
	// The models that can be asked for, by the name that clients of v1 use. Others
	// are refused. Where there is one only, clients of v1 get it whatever they name.
	Models map[string]BridgeModel `koanf:"models" names:"any"`
	// Name of the model for requests of v1 whose body does not name one within
	// body_head, as where a file stands in front of it. Empty: they are refused.
	Default string `koanf:"default"`
	// How much of a body is held, at most, to find model in it. Most clients write
	// it first; openai-python before 3.24 and openai-go write it last, behind
	// messages and pictures.
	BodyHead Size `koanf:"body_head" min:"1KiB" max:"64MiB" zero:"ok"`
}

// BridgeModel is one model of a bridge.
type BridgeModel struct {
	// What the legacy side calls it. Empty: as it is called here.
	Deployment string `koanf:"deployment"`
	// The api-version with which it is asked for at a legacy upstream, such as
	// 2024-10-21. o-series and GPT-5 models need 2024-12-01-preview or later,
	// responses 2025-03-01-preview. An upstream that speaks v1 gets none.
	APIVersion string `koanf:"api_version" date:"ok"`
}
