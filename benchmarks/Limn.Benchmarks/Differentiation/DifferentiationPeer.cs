using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using Limn.Benchmarks.Networks;
using Limn.Data;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Benchmarks.Differentiation;

/// <summary>Limn's side of benchmarks/peers/differentiation.py, which has the others'.</summary>
internal static class DifferentiationPeer
{
    /// <summary>
    /// Prepares one work, says so with a line of JSON, and then answers lines with lines: "run SECONDS" with the median milliseconds of as many runs as fit, "save FOLDER"
    /// by writing the results as .npy, "memory" with the most bytes that this process has held; until the input ends.
    /// </summary>
    /// <param name="settings">{"model": FILE, "input": FILE.npy, "work": NAME, "threads": N}.</param>
    public static void Serve(string settings)
    {
        using JsonDocument parsed = JsonDocument.Parse(settings);
        string Setting(string name) => parsed.RootElement.GetProperty(name).GetString()!;
        OnnxModel model = OnnxModel.Load(Setting("model"), parsed.RootElement.GetProperty("threads").GetInt32());
        DifferentiationWork work = DifferentiationWork.Of(Setting("work"), model, ReadInput(Setting("input"), model.Graph.Inputs[0].Type));
        work.Run();
        Say(new { work.Flops });
        while (Console.ReadLine() is { } line)
        {
            string[] words = line.Split(' ', 2);
            switch (words[0])
            {
                case "run":
                    Say(new { Ms = Median(work, double.Parse(words[1], CultureInfo.InvariantCulture)) });
                    break;
                case "save":
                    Directory.CreateDirectory(words[1]);
                    foreach (var (name, values) in work.Run()) NpyFile.Write(Path.Combine(words[1], $"{name}.npy"), values.ToTensor());
                    Say(new { });
                    break;
                case "memory":
                    using (Process self = Process.GetCurrentProcess()) Say(new { Bytes = self.PeakWorkingSet64 });
                    break;
                default:
                    throw new InvalidDataException($"'{line}' is no request; run SECONDS, save FOLDER and memory are.");
            }
        }
    }

    /// <summary>Reads a network of pictures, finds the gradient of the class it predicts for random pixels, and ends: what a process takes from its start to its first gradient.</summary>
    public static void FirstGradient(string path)
    {
        OnnxModel model = OnnxModel.Load(path);
        int[] row = [.. model.Graph.Inputs[0].Shape!.Select((d, axis) => d.IsKnown ? d.Value : axis == 0 ? 1 : 224)];
        NdArray input = NdArray.Create(ElementType.Float, row);
        new CounterRandom(1).FillNormal(input.Floats);
        if (!TensorPrimitives.IsFiniteAll<float>(NdArray.From(new Saliency(model).Explain([input]).Values).Floats)) throw new InvalidDataException($"The gradient of '{path}' is not finite.");
    }

    /// <summary>Says what the machine can do: a line of JSON.</summary>
    public static void Peak(int threads)
    {
        MachineSpeed speed = MachineSpeed.Measure(threads, 500);
        Say(new { Gflops = speed.FlopsPerSecond / 1e9, GBytes = speed.BytesPerSecond / 1e9 });
    }

    private static NdArray ReadInput(string path, ElementType type)
    {
        NpyArray array = NpyFile.Read(path);
        return type.IsFloating() ? NdArray.From(array.ToFloat()) : NdArray.From(array.ToInt64());
    }

    private static double Median(DifferentiationWork work, double seconds)
    {
        List<double> times = [];
        long began = Stopwatch.GetTimestamp();
        do
        {
            long start = Stopwatch.GetTimestamp();
            work.Run();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds);
        times.Sort();
        return (times[(times.Count - 1) / 2] + times[times.Count / 2]) / 2;
    }

    private static void Say<T>(T answer)
    {
        Console.WriteLine(JsonSerializer.Serialize(answer));
        Console.Out.Flush();
    }
}
