using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Gradients;

/// <summary>XRAI: which regions of the picture matter, from Integrated Gradients summed over segments.</summary>
/// <remarks>
/// Integrated Gradients are averaged over a black and a white baseline and reduced to the largest value of the channels. The picture
/// is segmented at six scales (<see cref="Segmentation.Felzenszwalb"/>), each segment widened by a disk; then, always, the segment whose
/// not yet covered pixels have the largest mean attribution is added, and these pixels get that mean. Segments that would add fewer
/// than <see cref="MinimumPixels"/> are dropped; pixels that no segment covers get their common mean. All channels hold the same value.
/// Nothing adds up: a value is the density of attribution in its region, and ranks regions.
/// Kapishnikov et al.: XRAI: Better Attributions Through Regions, ICCV 2019, algorithm 1. The authors' code resizes the picture to
/// 224 × 224 before it segments; here it is segmented as it is, its range brought to −1 … 1, and sizes in pixels are scaled by the area.
/// </remarks>
[Method("xrai", "XRAI", "Which regions of the picture matter: Integrated Gradients over segments of several scales.", Source = "Kapishnikov et al. 2019, algorithm 1",
    Formula = "φ(region) = mean of Integrated Gradients over the region's pixels that no denser region holds",
    Cost = "4 × forward + baselines × steps × (forward + backward)",
    Axioms = Axioms.ImplementationInvariance)]
public sealed class Xrai(OnnxModel model) : GradientMethod(model)
{
    private const double PaperArea = 224 * 224, Sigma = 0.8, MinimumSegment = 150, Disk = 5;
    private static readonly double[] Scales = [50, 100, 150, 250, 500, 1200];

    /// <summary>Nodes of the quadrature of Integrated Gradients (default 100).</summary>
    [Option("steps", "Nodes of the quadrature of Integrated Gradients.")]
    public int Steps { get; init; } = 100;

    /// <summary>The fewest pixels that a segment must add, in a picture of 224 × 224 (default 50).</summary>
    [Option("minimum-pixels", "The fewest pixels that a segment must add, in a picture of 224 x 224.")]
    public int MinimumPixels { get; init; } = 50;

    /// <summary>Where the paths start (default: from black and from white).</summary>
    public Baseline Baseline { get; init; } = Baseline.Several(Baseline.Black, Baseline.White);

    internal override string? NotInGraph => "it segments the picture, which ONNX has no operators for.";

    protected internal override MethodResult Compute(Question question)
    {
        if (question.Inputs is not [{ Rank: 4 } picture] || question.Places is not [{ }] || !question.IsInput(0))
            throw new ShapeMismatchException("XRAI explains the regions of one picture [rows, channels, height, width]; leave --at away, or use integrated-gradients.");
        if (MinimumPixels < 1) throw new InvalidOptionException($"A segment must add at least 1 pixel, and {MinimumPixels} was given.");
        MethodResult gradients = new IntegratedGradients((OnnxModel)Model) { Steps = Steps, Baseline = Baseline }.Compute(question);
        NdArray values = NdArray.Create(ElementType.Float, picture.Dims.ToArray());
        int channels = picture.Dims[1], height = picture.Dims[2], width = picture.Dims[3], plane = height * width;
        for (int r = 0; r < question.Rows; r++)
        {
            question.ThrowIfCancelled();
            ReadOnlySpan<float> attribution = gradients.Values[0].Rows(r, 1).Floats;
            var density = new double[plane];
            for (int i = 0; i < plane; i++)
            {
                density[i] = attribution[i];
                for (int c = 1; c < channels; c++) density[i] = Math.Max(density[i], attribution[c * plane + i]);
            }
            double[] map = Grow(density, Segments(picture.Rows(r, 1).Reshape(channels, height, width), height, width), (int)Math.Ceiling(MinimumPixels * plane / PaperArea));
            for (int i = 0; i < channels * plane; i++) values.Rows(r, 1).Floats[i] = (float)map[i % plane];
        }
        return new MethodResult([values], gradients.Prediction, gradients.BaselinePrediction);
    }

    /// <summary>The pixels of each segment of each scale, widened.</summary>
    private static List<int[]> Segments(NdArray picture, int height, int width)
    {
        double share = height * width / PaperArea, radius = Disk * Math.Sqrt(share);
        NdArray ranged = NdArray.Create(ElementType.Float, picture.Dims.ToArray());
        double low = picture.Floats[0], high = low;
        foreach (float v in picture.Floats) (low, high) = (Math.Min(low, v), Math.Max(high, v));
        for (int i = 0; i < ranged.Length; i++) ranged.Floats[i] = high > low ? (float)(2 * (picture.Floats[i] - low) / (high - low) - 1) : 0;
        List<int[]> segments = [];
        foreach (double scale in Scales)
            foreach (var segment in Segmentation.Felzenszwalb(ranged, scale, Sigma, (int)Math.Ceiling(MinimumSegment * share)).Select((label, pixel) => (label, pixel)).GroupBy(p => p.label, p => p.pixel))
                segments.Add(Widen([.. segment], height, width, radius));
        return segments;
    }

    private static int[] Widen(int[] pixels, int height, int width, double radius)
    {
        int reach = (int)radius;
        HashSet<int> widened = [];
        foreach (int pixel in pixels)
            for (int dy = -reach; dy <= reach; dy++)
                for (int dx = -reach; dx <= reach; dx++)
                {
                    int y = pixel / width + dy, x = pixel % width + dx;
                    if (dy * dy + dx * dx <= radius * radius && y >= 0 && y < height && x >= 0 && x < width) widened.Add(y * width + x);
                }
        return [.. widened];
    }

    private static double[] Grow(double[] density, List<int[]> segments, int fewest)
    {
        var map = new double[density.Length];
        var covered = new bool[density.Length];
        while (true)
        {
            (double Gain, int Segment) best = (double.NegativeInfinity, -1);
            for (int s = segments.Count - 1; s >= 0; s--)
            {
                segments[s] = [.. segments[s].Where(i => !covered[i])]; // what is covered stays covered
                if (segments[s].Length < fewest) segments.RemoveAt(s);
            }
            for (int s = 0; s < segments.Count; s++)
                if (segments[s].Average(i => density[i]) is var gain && gain > best.Gain) best = (gain, s);
            if (best.Segment < 0) break;
            foreach (int i in segments[best.Segment]) (map[i], covered[i]) = (best.Gain, true);
        }
        int[] left = [.. Enumerable.Range(0, map.Length).Where(i => !covered[i])];
        double rest = left.Length == 0 ? 0 : left.Average(i => density[i]);
        foreach (int i in left) map[i] = rest;
        return map;
    }
}
