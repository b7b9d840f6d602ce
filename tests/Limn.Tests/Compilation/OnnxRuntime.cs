using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Limn.Engine;

namespace Limn.Tests.Compilation;

/// <summary>ONNX Runtime as another program: tests/onnxruntime runs the files.</summary>
internal static class OnnxRuntime
{
    private static readonly string Folder = Path.Combine(SharedFiles.Root, "tests", "onnxruntime");

    /// <summary>Why it cannot be used; null where it can.</summary>
    public static string? Missing => Directory.Exists(Path.Combine(Folder, "node_modules", "onnxruntime-node")) ? null
        : "ONNX Runtime is not installed: run 'npm ci --ignore-scripts' in tests/onnxruntime";

    /// <summary>Runs models on inputs, all in one process: the outputs of each by their names, or what went wrong.</summary>
    public static IReadOnlyList<(IReadOnlyDictionary<string, NdArray>? Outputs, string? Error)> Run(IReadOnlyList<(byte[] Model, string Input, NdArray Rows)> cases)
    {
        string folder = Directory.CreateTempSubdirectory("limn-ort-").FullName;
        try
        {
            var list = new List<object>();
            for (int i = 0; i < cases.Count; i++)
            {
                File.WriteAllBytes(Path.Combine(folder, $"{i}.onnx"), cases[i].Model);
                File.WriteAllBytes(Path.Combine(folder, $"{i}.bin"), MemoryMarshal.AsBytes<float>(cases[i].Rows.Floats).ToArray());
                list.Add(new { model = $"{i}.onnx", inputs = new[] { new { name = cases[i].Input, dims = cases[i].Rows.Dims.ToArray(), file = $"{i}.bin" } } });
            }
            File.WriteAllText(Path.Combine(folder, "cases.json"), JsonSerializer.Serialize(list));
            using Process node = Process.Start(new ProcessStartInfo("node", ["run.mjs", folder]) { WorkingDirectory = Folder, RedirectStandardError = true, UseShellExecute = false })!;
            string errors = node.StandardError.ReadToEnd();
            node.WaitForExit();
            Assert.True(node.ExitCode == 0, errors);
            using JsonDocument results = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "results.json")));
            return [.. results.RootElement.EnumerateArray().Select(r => Read(folder, r))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (IReadOnlyDictionary<string, NdArray>?, string?) Read(string folder, JsonElement result)
    {
        if (result.TryGetProperty("error", out JsonElement error)) return (null, error.GetString());
        return (result.GetProperty("outputs").EnumerateObject().ToDictionary(o => o.Name, o =>
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, o.Value.GetProperty("file").GetString()!));
            return new NdArray(MemoryMarshal.Cast<byte, float>(bytes).ToArray(), [.. o.Value.GetProperty("dims").EnumerateArray().Select(d => d.GetInt32())]);
        }), null);
    }
}

/// <summary>A fact about what ONNX Runtime makes of a file; skipped, with a message, where that is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OnnxRuntimeFactAttribute : FactAttribute
{
    public OnnxRuntimeFactAttribute() => Skip = OnnxRuntime.Missing;
}
