using System.IO.Compression;
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
    public static Lazy<IReadOnlyList<(ConformanceCase Case, Outcome Outcome)>> Read { get; } = new(() =>
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
    public Outcome Run() => Attempt(Name, () => OnnxReader.Read(Model).Graph, sameTypes: true);

    /// <summary>Reads the model, writes it, reads that, runs it and compares; all floating types are float then.</summary>
    public Outcome RunWritten() => Attempt($"{Name} (written)", () =>
    {
        using var stream = new MemoryStream();
        OnnxWriter.Write(OnnxReader.Read(Model).Graph, stream);
        return OnnxReader.Read(stream.ToArray()).Graph;
    }, sameTypes: false);

    private Outcome Attempt(string name, Func<Graph> read, bool sameTypes)
    {
        try
        {
            ModelProto model = ModelProto.Parser.ParseFrom(Model);
            string? other = model.Graph.Input.Concat(model.Graph.Output).Where(v => v.Type.ValueCase != TypeProto.ValueOneofCase.TensorType)
                .Select(v => $"'{v.Name}' is not a tensor").FirstOrDefault();
            if (other is not null) return new Outcome(name, Verdict.Unsupported, other);
            var session = new Session(read(), threads: 1);
            NdArray[] expected = [.. Outputs.Select(Tensor)];
            NdArray[] got = session.Run([.. Inputs.Select(Tensor)]);
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

    private static NdArray Tensor(byte[] bytes)
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
