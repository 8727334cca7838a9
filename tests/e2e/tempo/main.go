// Tempo as a program of the tests.
//
// Its own command cannot be built by today's Go: of the two encodings for gRPC that it links, each of which
// replaces the other, the wrong one registers last since Go 1.21 sorts packages by their names. So its
// library is started from here, once the right one has been registered again.
package main

import (
	"flag"
	"fmt"
	"os"

	gogo "github.com/gogo/protobuf/proto"
	golang "github.com/golang/protobuf/proto"
	"github.com/grafana/tempo/cmd/tempo/app"
	"github.com/grafana/tempo/pkg/util/log"
	"google.golang.org/grpc/encoding"
	"gopkg.in/yaml.v2"
)

// codec lets messages that have an encoding of their own use it: Tempo's, which golang/protobuf refuses.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(message interface{}) ([]byte, error) {
	if own, ok := message.(interface{ Marshal() ([]byte, error) }); ok {
		return own.Marshal()
	}
	return golang.Marshal(message.(golang.Message))
}

func (codec) Unmarshal(data []byte, message interface{}) error {
	if _, ok := message.(interface{ Unmarshal([]byte) error }); ok {
		return gogo.Unmarshal(data, message.(gogo.Message))
	}
	return golang.Unmarshal(data, message.(golang.Message))
}

func run() error {
	config := app.Config{}
	file := flag.String("config.file", "", "configuration, as YAML")
	config.RegisterFlagsAndApplyDefaults("", flag.CommandLine)
	flag.Parse()
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, &config); err != nil {
		return err
	}
	// All of Tempo in one process, and one copy of each span.
	config.Ingester.LifecyclerConfig.RingConfig.KVStore.Store = "inmemory"
	config.Ingester.LifecyclerConfig.RingConfig.ReplicationFactor = 1
	config.Ingester.LifecyclerConfig.Addr = "127.0.0.1"
	config.Distributor.DistributorRing.KVStore.Store = "inmemory"
	log.InitLogger(&config.Server)
	encoding.RegisterCodec(codec{})
	tempo, err := app.New(config)
	if err != nil {
		return err
	}
	return tempo.Run()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "Tempo:", err)
		os.Exit(1)
	}
}
