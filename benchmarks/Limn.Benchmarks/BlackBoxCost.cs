using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Games;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Benchmarks;

/// <summary>What methods for black boxes take in a process that has run them before, as a library's user has them.</summary>
internal static class BlackBoxCost
{
    /// <summary>
    /// Explains the rows of FOLDER/rows.npy with FOLDER/net.onnx and FOLDER/background.npy until two seconds have passed, and then for three more: prints the median
    /// milliseconds a row, and writes the values.
    /// </summary>
    /// <param name="args">The folder, the method, the number of threads, and options as key=value.</param>
    public static void Explain(ReadOnlySpan<string> args)
    {
        string folder = args[0];
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string option in args[3..]) options.Add(option[..option.IndexOf('=', StringComparison.Ordinal)], option[(option.IndexOf('=', StringComparison.Ordinal) + 1)..]);
        var model = OnnxModel.Load(Path.Combine(folder, "net.onnx"), int.Parse(args[2], CultureInfo.InvariantCulture));
        NdArray rows = NdArray.From(NpyFile.Read(Path.Combine(folder, "rows.npy")).ToFloat()), background = NdArray.From(NpyFile.Read(Path.Combine(folder, "background.npy")).ToFloat());
        Method method = MethodRegistry.Create(args[1], model, options, new MethodData { Baseline = Baseline.Background([background]) });
        Attribution? last = null;
        List<double> times = [];
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < 5 || times.Count < 3)
        {
            double start = clock.Elapsed.TotalMilliseconds;
            last = method.Explain([rows], Target.Class(0));
            if (start > 2000) times.Add((clock.Elapsed.TotalMilliseconds - start) / rows.Dims[0]);
        }
        times.Sort();
        Console.WriteLine(times[times.Count / 2].ToString("F4", CultureInfo.InvariantCulture));
        NpyFile.Write(Path.Combine(folder, "values.npy"), last!.Values);
    }

    /// <summary>What pictures' methods take beside the forward passes: masks of a picture of 224 by 224 through a network, 200 of them.</summary>
    public static void Pictures(string path)
    {
        const int Samples = 200;
        Console.WriteLine("| method | threads | all s | forward passes s | more |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: |");
        foreach (int threads in (int[])[1, 2])
        {
            var model = new Timed(OnnxModel.Load(path, threads));
            NdArray picture = Waves();
            foreach (Method method in (Method[])[new Rise(model) { Samples = Samples }, new Lime(model) { Samples = Samples }])
            {
                List<(double All, double Passes)> times = [];
                for (int i = 0; i < 5; i++)
                {
                    model.Time = TimeSpan.Zero;
                    long start = Stopwatch.GetTimestamp();
                    method.Explain([picture], Target.Class(0));
                    times.Add((Stopwatch.GetElapsedTime(start).TotalSeconds, model.Time.TotalSeconds));
                }
                var (all, passes) = times.OrderBy(t => t.All / t.Passes).ElementAt(2);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {method.Name} | {threads} | {all:F2} | {passes:F2} | {100 * (all / passes - 1):F1} % |"));
            }
        }
    }

    /// <summary>The most memory that Kernel SHAP takes beyond a predictor that holds none: 1,000 features, 1,000 background rows, 10,000 coalitions.</summary>
    public static void Memory()
    {
        const int Features = 1000, Rows = 1000, Coalitions = 10_000;
        var predictor = new FunctionModel(x =>
        {
            var y = new float[(int)x.Lengths[0]];
            ReadOnlySpan<float> values = x.GetSpan([0, 0], (int)x.FlattenedLength);
            for (int r = 0; r < y.Length; r++) y[r] = TensorPrimitives.Sum(values.Slice(r * Features, Features));
            return Tensor.Create(y, [y.Length, 1]);
        });
        NdArray row = Normal(1, 1, Features), background = Normal(2, Rows, Features);
        long before = Process.GetCurrentProcess().PeakWorkingSet64;
        new KernelShap(predictor) { Samples = Coalitions, Baseline = Baseline.Background([background]) }.Explain([row], Target.Class(0));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(Process.GetCurrentProcess().PeakWorkingSet64 - before) / 1e6:F0} MB more at the peak than before ({before / 1e6:F0} MB)"));
    }

    /// <summary>A picture that superpixels can be found in.</summary>
    private static NdArray Waves()
    {
        NdArray picture = Normal(1, 1, 3, 224, 224);
        Span<float> pixels = picture.Floats;
        for (int i = 0; i < pixels.Length; i++) pixels[i] = (float)(0.1 * pixels[i] + Math.Sin(i % 224 / 15.0) + Math.Cos(i / 224 % 224 / 11.0 + i / 50176));
        return picture;
    }

    private static NdArray Normal(ulong seed, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        new CounterRandom(seed).FillNormal(array.Floats);
        return array;
    }

    /// <summary>A predictor that counts the time that it takes.</summary>
    private sealed class Timed(IPredictor of) : IPredictor
    {
        public TimeSpan Time { get; set; }

        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
        {
            long start = Stopwatch.GetTimestamp();
            IReadOnlyList<NdArray> answer = of.Predict(inputs, cancellation);
            Time += Stopwatch.GetElapsedTime(start);
            return answer;
        }
    }
}
