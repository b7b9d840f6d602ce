using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;

namespace Limn.Benchmarks;

/// <summary>Divides every picture of a folder (NAME.npy, [channels, height, width]) and leaves NAME.METHOD.labels.npy beside it; benchmarks/peers/superpixels.py compares.</summary>
internal static class Superpixels
{
    private const int Repeat = 10;

    private static readonly (string Name, Func<NdArray, int[]> Divide)[] Methods =
    [
        ("slic", x => Segmentation.Slic(x)),
        ("slic-300-fine", x => Segmentation.Slic(x, segments: 300, compactness: 1)),
        ("slic-smooth", x => Segmentation.Slic(x, segments: 50, sigma: 1)),
        ("slic-pieces", x => Segmentation.Slic(x, connected: false)),
        ("quickshift", x => Segmentation.Quickshift(x)),
        ("quickshift-lime", x => Segmentation.Quickshift(x, ratio: 0.2, kernelSize: 4, maximumDistance: 200)),
        ("felzenszwalb", x => Segmentation.Felzenszwalb(x)),
    ];

    public static void Run(string folder)
    {
        foreach (string file in Directory.GetFiles(folder, "*.npy").Where(f => !f.EndsWith(".labels.npy", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            NdArray picture = NdArray.From(NpyFile.Read(file).To<float>());
            foreach (var (name, divide) in Methods)
            {
                var (labels, best) = Timed(() => divide(picture));
                NpyFile.Write(Path.ChangeExtension(file, $"{name}.labels.npy"), Tensor.Create(labels, [picture.Dims[1], picture.Dims[2]]));
                Console.WriteLine($"{Path.GetFileNameWithoutExtension(file)} {name} {best:F1}");
            }
            Telea(file, picture);
        }
    }

    /// <summary>A chessboard of holes filled from the rest: the time, and how far the filling is from what was there.</summary>
    private static void Telea(string file, NdArray picture)
    {
        int height = picture.Dims[1], width = picture.Dims[2];
        int[] cells = Segmentation.Grid(height, width, Math.Min(height, 8), Math.Min(width, 8));
        bool[] missing = [.. cells.Select(c => c % 2 == c / 8 % 2)]; // a chessboard
        var (filled, best) = Timed(() => Inpainting.Telea(picture, missing));
        double error = Math.Sqrt(Enumerable.Range(0, picture.Length).Where(i => missing[i % missing.Length]).Average(i => Math.Pow(picture.Floats[i] - filled.Floats[i], 2)));
        NpyFile.Write(Path.ChangeExtension(file, "telea.labels.npy"), filled.ToTensor());
        Console.WriteLine($"{Path.GetFileNameWithoutExtension(file)} telea {best:F1} {error:F4}");
    }

    /// <summary>Processor time, which other programs disturb less than the clock; in milliseconds, the best of some.</summary>
    private static (T Result, double Best) Timed<T>(Func<T> work)
    {
        T result = work();
        double best = double.PositiveInfinity;
        for (int i = 0; i < Repeat; i++)
        {
            TimeSpan start = Environment.CpuUsage.TotalTime;
            result = work();
            best = Math.Min(best, (Environment.CpuUsage.TotalTime - start).TotalMilliseconds);
        }
        return (result, best);
    }
}
