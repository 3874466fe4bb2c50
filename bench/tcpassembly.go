// SPDX-License-Identifier: GPL-2.0-only

// What gopacket's tcpassembly costs, used as its example httpassembly uses it: each direction is a stream of its own, from
// which requests are read; those of the responses' direction end at once.
//
// usage: tcpassembly FILE		prints the number of requests
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcap"
	"github.com/google/gopacket/tcpassembly"
	"github.com/google/gopacket/tcpassembly/tcpreader"
)

var requests uint64
var running sync.WaitGroup

func readRequests(in io.Reader) {
	buf := bufio.NewReader(in)
	for {
		req, err := http.ReadRequest(buf)
		if err != nil {
			io.Copy(io.Discard, buf)
			return
		}
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		atomic.AddUint64(&requests, 1)
	}
}

type requestFactory struct{}

func (requestFactory) New(net, transport gopacket.Flow) tcpassembly.Stream {
	r := tcpreader.NewReaderStream()
	running.Add(1)
	go func() {
		defer running.Done()
		readRequests(&r)
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
	fmt.Println(requests)
}
