using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;
using Limn.Engine.Operators;
using Limn.Engine.Tests.Conformance;
using Xunit.Abstractions;

namespace Limn.Engine.Tests.Fuzzing;

/// <summary>Damaged models must be refused, or run, within bounds. A longer run by hand: <c>LIMN_FUZZ=50 dotnet test tests/Limn.Engine.Tests --filter Fuzz</c>.</summary>
public class ModelFuzzTests(ITestOutputHelper log)
{
    private const int ByBytes = 7000, ByContents = 7000, ByStructure = 7000;
    private const int MostElements = 1 << 16;
    private static readonly byte[][] Seeds = Corpus();

    [Fact]
    public void Damaged_bytes_are_refused_or_run()
    {
        int alive = Fuzz.Run(ByBytes, seed =>
        {
            var m = new Mutator(seed);
            ReadAndRun(m.Damage(m.One(Seeds), m.One(Seeds)));
        });
        log.WriteLine($"{alive} of {ByBytes * Fuzz.Times} mutants ran");
        Assert.InRange(alive, 1, ByBytes * Fuzz.Times - 1);
    }

    [Fact]
    public void Damaged_contents_are_refused_or_run()
    {
        int messages = 0;
        int alive = Fuzz.Run(ByContents, seed =>
        {
            var m = new Mutator(3_000_000 + seed);
            byte[] damaged = WireMutator.Damage(m.One(Seeds), m);
            if (IsMessage(damaged)) Interlocked.Increment(ref messages);
            ReadAndRun(damaged);
        });
        log.WriteLine($"{messages} of {ByContents * Fuzz.Times} mutants are messages, {alive} ran");
        Assert.InRange(messages, ByContents * Fuzz.Times * 9 / 10, ByContents * Fuzz.Times);
        Assert.InRange(alive, ByContents * Fuzz.Times / 10, ByContents * Fuzz.Times - 1);
    }

    [Fact]
    public void Damaged_models_are_refused_or_run()
    {
        int alive = Fuzz.Run(ByStructure, seed =>
        {
            var m = new Mutator(1_000_000 + seed);
            ReadAndRun(ModelMutator.Damage(m.One(Seeds), m));
        });
        log.WriteLine($"{alive} of {ByStructure * Fuzz.Times} mutants ran");
        Assert.InRange(alive, 1, ByStructure * Fuzz.Times - 1);
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_as_from_memory()
    {
        string folder = Directory.CreateTempSubdirectory("limn-fuzz-").FullName;
        try
        {
            Fuzz.Run(1500, seed =>
            {
                var m = new Mutator(2_000_000 + seed);
                byte[] damaged = m.Damage(m.One(Seeds), m.One(Seeds));
                string path = Path.Combine(folder, $"{seed}.onnx");
                File.WriteAllBytes(path, damaged);
                string fromFile = Outcome(() => OnnxReader.Read(path)), fromMemory = Outcome(() => OnnxReader.Read(damaged));
                File.Delete(path);
                // The parser of messages passes over groups, which the format has not; a file with them is refused.
                if (fromFile is "" != fromMemory is "" && !fromFile.Contains("unknown kind", StringComparison.Ordinal)) throw new InvalidOperationException($"from the file: '{fromFile}', from memory: '{fromMemory}'");
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool IsMessage(byte[] bytes)
    {
        try
        {
            ModelProto.Parser.ParseFrom(bytes);
            return true;
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }

    private static string Outcome(Action read)
    {
        try
        {
            read();
            return "";
        }
        catch (LimnException e)
        {
            return e.Message;
        }
    }

    private static void ReadAndRun(byte[] bytes)
    {
        Graph graph = OnnxReader.Read(bytes).Graph;
        var feeds = new List<NdArray>();
        foreach (Value input in graph.Inputs)
        {
            int[] dims = [.. (input.Shape ?? Shape.Of((ReadOnlySpan<int>)[2, 3])).Select(d => d.IsKnown ? d.Value : 2)];
            if (dims.Aggregate(1L, (a, d) => Math.Min(a * d, 1L << 40)) > MostElements) return; // read well; too large to feed here
            feeds.Add(NdArray.Create(input.Type, dims));
        }
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        var session = new Session(graph, threads: 1) { MemoryLimit = 64 << 20 };
        try
        {
            session.Run(graph.Inputs.Zip(feeds).ToDictionary(p => p.First, p => p.Second), graph.Outputs, stop.Token);
        }
        catch (OperationCanceledException)
        {
            // what takes long can be stopped, which is all that is asked
        }
    }

    private static byte[][] Corpus()
    {
        List<byte[]> seeds = [Small(), WithLoop()];
        if (SharedFiles.Find("onnx-node.zip") is { } zip)
            seeds.AddRange(ConformanceCase.ReadAll(zip).Where((c, i) => c.Model.Length < 1 << 14 && i % 7 == 0).Select(c => c.Model));
        return [.. seeds];
    }

    private static byte[] Small()
    {
        var g = new GraphBuilder("small");
        Value x = g.Input("x", ElementType.Float, [Dim.Named("n"), 1, 8, 8]);
        Value y = g.Relu(g.Conv(x, g.Constant(NdArray.Create(ElementType.Float, 2, 1, 3, 3), "w")));
        y = g.MatMul(g.Reshape(y, g.Integers(-1, 72)), g.Constant(NdArray.Create(ElementType.Float, 72, 30), "v"));
        g.Output(g.Softmax(y, 1), "p");
        return Bytes(g.Build());
    }

    private static byte[] WithLoop()
    {
        var body = new GraphBuilder("body");
        body.Input("t", ElementType.Int64, Shape.Scalar);
        Value goesOn = body.Input("c", ElementType.Bool, Shape.Scalar), s = body.Input("s", ElementType.Float, Shape.Of((ReadOnlySpan<int>)[4]));
        body.Output(body.Identity(goesOn));
        body.Output(body.Tanh(s));
        body.Output(body.Identity(s));
        var g = new GraphBuilder("loop");
        Value x = g.Input("x", ElementType.Float, Shape.Of((ReadOnlySpan<int>)[4])), m = g.Input("m", ElementType.Int64, Shape.Scalar);
        foreach (Value output in g.Node(new Loop(body.Build(), 1), [m, null, x], 2)) g.Output(output);
        return Bytes(g.Build());
    }

    private static byte[] Bytes(Graph graph)
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(graph, stream);
        return stream.ToArray();
    }
}
