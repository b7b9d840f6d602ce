using System.IO.Compression;
using Google.Protobuf;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Onnx.Schema;

namespace Limn.Engine.Tests.Conformance;

/// <summary>How a case ended.</summary>
internal enum Verdict
{
    Passed,
    Failed,
    Unsupported,
}

/// <param name="Case">The case.</param>
/// <param name="Verdict">How it ended.</param>
/// <param name="Reason">What differs or lacks; empty if it passed.</param>
internal sealed record Outcome(string Case, Verdict Verdict, string Reason);

/// <summary>One case of the official ONNX node suite: a model, inputs, and the outputs that the reference implementation gives.</summary>
internal sealed record ConformanceCase(string Name, byte[] Model, IReadOnlyList<byte[]> Inputs, IReadOnlyList<byte[]> Outputs)
{
    /// <summary>Every case of shared/onnx-node.zip, run once for all tests.</summary>
    public static Lazy<IReadOnlyList<(ConformanceCase Case, Outcome Outcome)>> All { get; } = new(() =>
    {
        IReadOnlyList<ConformanceCase> cases = ReadAll(SharedFiles.Find("onnx-node.zip")!);
        var outcomes = new (ConformanceCase, Outcome)[cases.Count];
        Parallel.For(0, cases.Count, i => outcomes[i] = (cases[i], cases[i].Run()));
        return outcomes;
    });

    /// <summary>Reads NAME/model.onnx and NAME/test_data_set_0/{input,output}_N.pb of a zip file.</summary>
    public static IReadOnlyList<ConformanceCase> ReadAll(string zip)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        Dictionary<string, byte[]> files = archive.Entries.Where(e => e.Name.Length > 0).ToDictionary(e => e.FullName, Bytes);
        return [.. files.Keys.Where(f => f.EndsWith("/model.onnx", StringComparison.Ordinal)).Select(f => f[..^"/model.onnx".Length]).Order(StringComparer.Ordinal)
            .Select(name => new ConformanceCase(name, files[$"{name}/model.onnx"], Data(name, "input"), Data(name, "output")))];

        byte[][] Data(string name, string kind) =>
            [.. Enumerable.Range(0, int.MaxValue).Select(i => files.GetValueOrDefault($"{name}/test_data_set_0/{kind}_{i}.pb")).TakeWhile(b => b is not null).Select(b => b!)];
    }

    /// <summary>Reads the model, runs it and compares.</summary>
    public Outcome Run() => Attempt(Name, Read, sameTypes: true);

    /// <summary>Reads the model, writes it, reads that, runs it and compares; all floating types are float then.</summary>
    public Outcome RunWritten() => Attempt($"{Name} (written)", () =>
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(Read(), stream);
        return OnnxReader.Read(stream.ToArray()).Graph;
    }, sameTypes: false);

    /// <summary>The graph; the data say how long sequences are, and which optionals have no value.</summary>
    public Graph Read()
    {
        var lengths = new Dictionary<string, int>();
        var absent = new HashSet<string>();
        foreach (var (input, data) in ModelProto.Parser.ParseFrom(Model).Graph.Input.Zip(Inputs))
        {
            int count = Tensors(data, input.Type).Count;
            TypeProto type = input.Type.OptionalType?.ElemType ?? input.Type;
            if (type.SequenceType is not null) lengths[input.Name] = count;
            if (input.Type.OptionalType is not null && !HasValue(data)) absent.Add(input.Name);
        }
        return OnnxReader.Read(Model, new OnnxReadOptions { SequenceLengths = lengths, AbsentInputs = absent }).Graph;
    }

    /// <summary>The tensors that are fed, one after another; those of a sequence are inputs of their own.</summary>
    public NdArray[] Feeds() => [.. Inputs.Zip(ModelProto.Parser.ParseFrom(Model).Graph.Input).SelectMany(i => Tensors(i.First, i.Second.Type))];

    /// <summary>Whether nothing is a sequence or an optional.</summary>
    public bool HasTensorsOnly() => ModelProto.Parser.ParseFrom(Model).Graph is var graph && graph.Input.Concat(graph.Output).All(v => v.Type.TensorType is not null);

    private Outcome Attempt(string name, Func<Graph> read, bool sameTypes)
    {
        try
        {
            ModelProto model = ModelProto.Parser.ParseFrom(Model);
            NdArray[] expected = [.. Outputs.SelectMany((o, i) => Tensors(o, model.Graph.Output[i].Type))];
            var session = new Session(read(), threads: 1);
            NdArray[] got = session.Run([.. Inputs.SelectMany((o, i) => Tensors(o, model.Graph.Input[i].Type))]);
            string? difference = expected.Length != got.Length ? $"{got.Length} outputs instead of {expected.Length}"
                : expected.Zip(got, (e, g) => Difference(e, sameTypes || !e.Type.IsFloating() || !g.Type.IsFloating() ? g : g.As(e.Type)))
                    .Select((d, i) => d is null ? null : $"output {i}: {d}").FirstOrDefault(d => d is not null);
            return new Outcome(name, difference is null ? Verdict.Passed : Verdict.Failed, difference ?? "");
        }
        catch (UnsupportedOperatorException e)
        {
            return new Outcome(name, Verdict.Unsupported, e.Message);
        }
        catch (Exception e) when (e is not OutOfMemoryException) // every other error is a failure of the case, whatever it is
        {
            return new Outcome(name, Verdict.Failed, $"{e.GetType().Name}: {e.Message}");
        }
    }

    /// <summary>What differs: type, shape, or an element beyond |a - b| &lt;= 1e-7 + 1e-3 |b|, the official tolerance. Null if nothing does.</summary>
    /// <remarks>
    /// The engine computes bfloat16 in float, and the expected values are rounded to 8 bits, so that these are compared to 2^-7.
    /// </remarks>
    public static string? Difference(NdArray expected, NdArray got)
    {
        if (expected.Type != got.Type) return $"type {got.Type} instead of {expected.Type}";
        if (!expected.Dims.SequenceEqual(got.Dims)) return $"shape {NdArray.Describe(got.Dims)} instead of {NdArray.Describe(expected.Dims)}";
        double relative = expected.Type == ElementType.BFloat16 ? 1.0 / 128 : 1e-3;
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = expected.Type.Storage() switch
            {
                Storage.Float => Near(got.Floats[i], expected.Floats[i], relative),
                Storage.Integer => got.Integers[i] == expected.Integers[i],
                Storage.Boolean => got.Booleans[i] == expected.Booleans[i],
                _ => got.Strings[i] == expected.Strings[i],
            };
            if (!same) return $"element {i} is {Element(got, i)} instead of {Element(expected, i)}";
        }
        return null;
    }

    private static bool Near(float a, float b, double relative) =>
        a.Equals(b) || a == b || Math.Abs((double)a - b) <= 1e-7 + relative * Math.Abs((double)b) && float.IsFinite(a) && float.IsFinite(b);

    private static object Element(NdArray array, int i) => array.Type.Storage() switch
    {
        Storage.Float => array.Floats[i],
        Storage.Integer => array.Integers[i],
        Storage.Boolean => array.Booleans[i],
        _ => $"'{array.Strings[i]}'",
    };

    /// <summary>The tensors of a file: one, or those of a sequence (SequenceProto: field 3), or what an optional has (OptionalProto: 3 a tensor, 5 a sequence).</summary>
    private static IReadOnlyList<NdArray> Tensors(byte[] bytes, TypeProto type) =>
        type.OptionalType is { } optional ? [.. Fields(bytes, optional.ElemType.SequenceType is null ? 3 : 5).SelectMany(b => Tensors(b, optional.ElemType))]
        : type.SequenceType is { } sequence ? [.. Fields(bytes, 3).SelectMany(b => Tensors(b, sequence.ElemType))]
        : [Tensor(bytes)];

    private static bool HasValue(byte[] optional) => Fields(optional, 3).Concat(Fields(optional, 5)).Any();

    private static List<byte[]> Fields(byte[] message, int number)
    {
        var found = new List<byte[]>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is var tag and not 0)
        {
            if (tag == WireFormat.MakeTag(number, WireFormat.WireType.LengthDelimited)) found.Add(input.ReadBytes().ToByteArray());
            else input.SkipLastField();
        }
        return found;
    }

    public static NdArray Tensor(byte[] bytes)
    {
        using var external = new ExternalData(folder: null, 0);
        return new TensorReader(external).Read(TensorProto.Parser.ParseFrom(bytes));
    }

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}
