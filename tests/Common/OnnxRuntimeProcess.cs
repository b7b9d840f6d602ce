using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Limn.Engine;

namespace Limn;

/// <summary>ONNX Runtime as another program: tests/onnxruntime runs the files.</summary>
internal static class OnnxRuntimeProcess
{
    private static readonly string Folder = Path.Combine(SharedFiles.Root, "tests", "onnxruntime");

    /// <summary>Why it cannot be used; null where it can.</summary>
    public static string? Missing => Directory.Exists(Path.Combine(Folder, "node_modules", "onnxruntime-node")) ? null
        : "ONNX Runtime is not installed: run 'npm ci --ignore-scripts' in tests/onnxruntime";

    /// <summary>Runs files on inputs, all in one process: what came of each. A file that ends the process is refused, and the rest go into another one.</summary>
    public static IReadOnlyList<RuntimeResult> Run(IReadOnlyList<RuntimeCase> cases)
    {
        string folder = Directory.CreateTempSubdirectory("limn-ort-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "cases.json"), JsonSerializer.Serialize(cases.Select((c, i) => Listed(folder, c, i)).ToArray()));
            var results = new List<RuntimeResult>();
            string lines = Path.Combine(folder, "results.jsonl");
            while (results.Count < cases.Count)
            {
                using Process node = Process.Start(new ProcessStartInfo("node", ["run.mjs", folder, $"{results.Count}"]) { WorkingDirectory = Folder, RedirectStandardError = true, UseShellExecute = false })!;
                string errors = node.StandardError.ReadToEnd();
                node.WaitForExit();
                string[] all = File.Exists(lines) ? File.ReadAllLines(lines) : [];
                bool went = node.ExitCode == 0 && all.Length == cases.Count;
                if (!went && all.Length == 0 && results.Count == 0 && errors.Contains("Error", StringComparison.Ordinal)) Assert.Fail(errors); // the program itself
                foreach (string line in all.Skip(results.Count)) results.Add(RuntimeResult.Of(folder, JsonDocument.Parse(line).RootElement));
                if (went || results.Count == cases.Count) break;
                results.Add(RuntimeResult.Ended(node.ExitCode));
                File.AppendAllText(lines, """{ "phase": "end", "error": "the process ended" }""" + "\n");
            }
            return results;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static object Listed(string folder, RuntimeCase one, int index)
    {
        File.WriteAllBytes(Path.Combine(folder, $"{index}.onnx"), one.Model);
        using FileStream data = File.Create(Path.Combine(folder, $"{index}.bin"));
        var inputs = new List<object>();
        foreach (var (name, value) in one.Inputs ?? [])
        {
            int[] dims = value.Dims.ToArray();
            if (value.Type == ElementType.String)
            {
                inputs.Add(new { name, type = "string", dims, strings = value.Strings.ToArray() });
                continue;
            }
            byte[] bytes = RuntimeTypes.Bytes(value);
            inputs.Add(new { name, type = RuntimeTypes.NameOf(value.Type), dims, offset = data.Position, bytes = bytes.Length });
            data.Write(bytes);
        }
        return new { model = $"{index}.onnx", data = $"{index}.bin", inputs = one.Inputs is null ? null : inputs };
    }
}

/// <param name="Model">A file.</param>
/// <param name="Inputs">What it is run on; null to see only whether it is accepted.</param>
internal sealed record RuntimeCase(byte[] Model, IReadOnlyList<(string Name, NdArray Value)>? Inputs);

/// <summary>What came of a file: outputs by their names, or what went wrong.</summary>
/// <param name="Outputs">Null where it went wrong; empty where it was only loaded.</param>
/// <param name="Error">Null where nothing went wrong.</param>
/// <param name="Loaded">Whether the file was accepted, whatever came of running it.</param>
internal sealed record RuntimeResult(IReadOnlyDictionary<string, NdArray>? Outputs, string? Error, bool Loaded)
{
    public static RuntimeResult Ended(int code) => new(null, $"the process ended with code {code}", Loaded: false);

    public static RuntimeResult Of(string folder, JsonElement result)
    {
        if (result.TryGetProperty("error", out JsonElement error)) return new RuntimeResult(null, error.GetString(), result.GetProperty("phase").GetString() == "run");
        byte[] data = result.TryGetProperty("data", out JsonElement file) ? File.ReadAllBytes(Path.Combine(folder, file.GetString()!)) : [];
        return new RuntimeResult(result.GetProperty("outputs").EnumerateObject().ToDictionary(o => o.Name, o => Array(o.Value, data)), null, Loaded: true);
    }

    private static NdArray Array(JsonElement output, byte[] data)
    {
        int[] dims = [.. output.GetProperty("dims").EnumerateArray().Select(d => d.GetInt32())];
        return output.TryGetProperty("strings", out JsonElement strings)
            ? new NdArray([.. strings.EnumerateArray().Select(s => s.GetString()!)], dims)
            : RuntimeTypes.Read(output.GetProperty("type").GetString()!, data.AsSpan(output.GetProperty("offset").GetInt32(), output.GetProperty("bytes").GetInt32()), dims);
    }
}

/// <summary>Element types as ONNX Runtime calls them.</summary>
internal static class RuntimeTypes
{
    private static readonly Dictionary<ElementType, string> Names = new()
    {
        [ElementType.Float] = "float32", [ElementType.Double] = "float64", [ElementType.Float16] = "float16", [ElementType.Bool] = "bool", [ElementType.String] = "string",
        [ElementType.Int8] = "int8", [ElementType.Int16] = "int16", [ElementType.Int32] = "int32", [ElementType.Int64] = "int64",
        [ElementType.UInt8] = "uint8", [ElementType.UInt16] = "uint16", [ElementType.UInt32] = "uint32", [ElementType.UInt64] = "uint64",
    };

    /// <summary>Whether values of a type can be handed over.</summary>
    public static bool Knows(ElementType type) => Names.ContainsKey(type);

    public static string NameOf(ElementType type) => Names[type];

    public static byte[] Bytes(NdArray array) => array.Type switch
    {
        ElementType.Float => MemoryMarshal.AsBytes<float>(array.Floats).ToArray(),
        ElementType.Double => As(array.Floats, v => (double)v),
        ElementType.Float16 => As(array.Floats, v => (Half)v),
        ElementType.Bool => As(array.Booleans, v => v ? (byte)1 : (byte)0),
        ElementType.Int8 or ElementType.UInt8 => As(array.Integers, v => unchecked((byte)v)),
        ElementType.Int16 or ElementType.UInt16 => As(array.Integers, v => unchecked((short)v)),
        ElementType.Int32 or ElementType.UInt32 => As(array.Integers, v => unchecked((int)v)),
        ElementType.Int64 or ElementType.UInt64 => MemoryMarshal.AsBytes<long>(array.Integers).ToArray(),
        _ => throw new InvalidOperationException($"Values of {array.Type} cannot be handed to ONNX Runtime."),
    };

    public static NdArray Read(string name, ReadOnlySpan<byte> bytes, int[] dims)
    {
        ElementType type = Names.Single(p => p.Value == name).Key;
        NdArray array = type switch
        {
            ElementType.Float => new NdArray(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), dims),
            ElementType.Double => new NdArray(From<double, float>(bytes, v => (float)v), dims),
            ElementType.Float16 => new NdArray(From<Half, float>(bytes, v => (float)v), dims),
            ElementType.Bool => new NdArray(From<byte, bool>(bytes, v => v != 0), dims),
            ElementType.Int8 => new NdArray(From<sbyte, long>(bytes, v => v), dims),
            ElementType.UInt8 => new NdArray(From<byte, long>(bytes, v => v), dims),
            ElementType.Int16 => new NdArray(From<short, long>(bytes, v => v), dims),
            ElementType.UInt16 => new NdArray(From<ushort, long>(bytes, v => v), dims),
            ElementType.Int32 => new NdArray(From<int, long>(bytes, v => v), dims),
            ElementType.UInt32 => new NdArray(From<uint, long>(bytes, v => v), dims),
            _ => new NdArray(MemoryMarshal.Cast<byte, long>(bytes).ToArray(), dims),
        };
        return array.As(type);
    }

    private static byte[] As<TFrom, TTo>(ReadOnlySpan<TFrom> values, Converter<TFrom, TTo> convert) where TTo : unmanaged =>
        MemoryMarshal.AsBytes<TTo>(Array.ConvertAll(values.ToArray(), convert)).ToArray();

    private static TTo[] From<TFrom, TTo>(ReadOnlySpan<byte> bytes, Converter<TFrom, TTo> convert) where TFrom : unmanaged =>
        Array.ConvertAll(MemoryMarshal.Cast<byte, TFrom>(bytes).ToArray(), convert);
}

/// <summary>A fact about what ONNX Runtime makes of a file; skipped, with a message, where that is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnnxRuntimeFactAttribute : FactAttribute
{
    public OnnxRuntimeFactAttribute() => Skip = OnnxRuntimeProcess.Missing;
}

/// <summary>A theory about what ONNX Runtime makes of files; skipped, with a message, where that is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnnxRuntimeTheoryAttribute : TheoryAttribute
{
    public OnnxRuntimeTheoryAttribute() => Skip = OnnxRuntimeProcess.Missing;
}
