// SPDX-License-Identifier: GPL-2.0-only

// What gopacket's tcpassembly costs, used as its example httpassembly uses it: each direction is a stream of its own, from
// which requests are read, and told in a line each; those of the responses' direction end at once, without a word.
//
// usage: tcpassembly FILE
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/google/gopacket/tcpassembly"
	"github.com/google/gopacket/tcpassembly/tcpreader"
)

var running sync.WaitGroup
var told = log.New(os.Stdout, "", log.LstdFlags)

func readRequests(in io.Reader, net, transport gopacket.Flow) {
	buf := bufio.NewReader(in)
	for {
		req, err := http.ReadRequest(buf)
		if err != nil {
			io.Copy(io.Discard, buf)
			return
		}
		body, _ := io.Copy(io.Discard, req.Body)
		req.Body.Close()
		told.Println("request", net, transport, req, body)
	}
}

type requestFactory struct{}

func (requestFactory) New(net, transport gopacket.Flow) tcpassembly.Stream {
	r := tcpreader.NewReaderStream()
	running.Add(1)
	go func() {
		defer running.Done()
		readRequests(&r, net, transport)
	}()
	return &r
}

func withTcpassembly(packets chan gopacket.Packet) {
	a := tcpassembly.NewAssembler(tcpassembly.NewStreamPool(requestFactory{}))
	for packet := range packets {
		tcp, ok := packet.TransportLayer().(*layers.TCP)
		if ok {
			a.AssembleWithTimestamp(packet.NetworkLayer().NetworkFlow(), tcp,
				packet.Metadata().Timestamp)
		}
	}
	a.FlushAll()
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tcpassembly FILE")
		os.Exit(2)
	}
	in, err := pcap.OpenOffline(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	source := gopacket.NewPacketSource(in, in.LinkType())
	source.DecodeOptions = gopacket.DecodeOptions{Lazy: true, NoCopy: true}
	withTcpassembly(source.Packets())
	running.Wait()
}
