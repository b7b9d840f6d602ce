using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>Extremal Perturbation: of all smooth parts of a given size, the one that alone keeps the score highest.</summary>
/// <remarks>
/// Maximises F(x̂(m)) / |F(x) − F(b)| − w_t mean (sort(m) − r_a)², with r_a zeros and then a share a of ones, w_t = 300 · 1.0035^t, by stochastic gradient descent with momentum 0.9 on a coarse
/// mask that a smooth maximum widens to blobs and that is interpolated to the picture's size. In x̂ each pixel is blurred the more the less the mask shows it: from a stack of eight blurs (up to 20 of 224 pixels)
/// its two nearest are mixed; with a <see cref="Baseline"/> b + (x − b) m instead. The value of a pixel is the mask. Fong, Patrick, Vedaldi: Understanding Deep Networks via
/// Extremal Perturbations and Smooth Masks, ICCV 2019, eq. 5 and section 3; TorchRay's numbers for 224 pixels (cells of 7, σ of 21), in proportion for others.
/// Beside TorchRay: the score is divided by the change that the strongest blur makes, so that logits and probabilities weigh alike against the area; the step counts for a mask of 32 × 32 cells and shrinks with
/// the number of cells; the cells end at the picture's edge; mirroring every other step is an option, because a mirrored digit or word is another.
/// Where the area is missed by more than 5 % of itself, that is said: an area far smaller than a blob cannot be met.
/// </remarks>
[Method("extremal-perturbation", "Extremal Perturbation", "Of all smooth parts of a picture of a given size, the one that alone keeps the score highest.",
    Source = "Fong, Patrick, Vedaldi 2019, eq. 5",
    Formula = "argmax over m of F(x̂(m)) / |F(x) − F(b)| − w mean (sort(m) − r_a)²",
    Cost = "3 × forward + steps × (forward + backward)",
    NotApplicable = Axioms.All, NotApplicableBecause = NoAxioms)]
public sealed class ExtremalPerturbation(OnnxModel model) : MaskMethod(model)
{
    private const int Levels = 8, CellsOf224 = 32;
    private const double MostBlur = 20 / 224.0, Momentum = 0.9, AreaWeight = 300, AreaGrowth = 1.0035, Missed = 0.05;

    /// <summary>The share of the picture that the mask shows (default 0.1).</summary>
    [Option("area", "The share of the picture that the mask shows.")]
    public double Area { get; init; } = 0.1;

    /// <summary>Steps of the search (default 800).</summary>
    [Option("steps", "Steps of the search.")]
    public int Steps { get; init; } = 800;

    /// <summary>How far a step goes (default 0.01).</summary>
    [Option("rate", "How far a step goes.")]
    public double Rate { get; init; } = 0.01;

    /// <summary>σ of the blobs in pixels. Null: 21 of 224 along the longer side.</summary>
    [Option("sigma", "The size of the blobs in pixels; 21 of 224 along the longer side when left out.")]
    public double? Sigma { get; init; }

    /// <summary>Whether every other step is on the mirrored picture (default not).</summary>
    [Option("mirror", "Whether every other step is on the mirrored picture.")]
    public bool Mirror { get; init; }

    /// <summary>What the picture is where it is hidden. Null: blurred in eight degrees.</summary>
    public Baseline? Baseline { get; init; }

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        Positive("steps", Steps);
        if (!(Area > 0 && Area < 1)) throw new InvalidOptionException($"The option 'area' is a share between 0 and 1, and {Area} was given.");
        if (!(Rate > 0)) throw new InvalidOptionException($"The option 'rate' must be positive, and {Rate} was given.");
        if (Sigma is { } given && !(given > 0)) throw new InvalidOptionException($"The option 'sigma' must be positive, and {Sigma} was given.");
        double[] prediction = question.Scores();
        var pictures = new Pictures(question, Name);
        PicturePlace place = pictures.Place;
        int cell = Math.Max(1, (int)Math.Round(pictures.Side / (double)CellsOf224));
        MaskMap map = MaskMap.Bilinear(place.Height, place.Width, cell);
        var widening = new SmoothMaximum(map.Cells, (Sigma ?? pictures.Side * 21 / 224.0) / cell);
        NdArray[] levels = LevelsOf(pictures), steps = [.. levels.Skip(1).Zip(levels, Pictures.Difference)];
        double[] units = pictures.Units(prediction, pictures.With(levels[0]).Scores());
        double rate = Rate * map.Count / (CellsOf224 * CellsOf224);
        float[][] masks = [.. units.Select(_ => Enumerable.Repeat(1f, map.Count).ToArray())], speeds = [.. units.Select(_ => new float[map.Count])], pixels = [.. units.Select(_ => new float[place.Positions])];
        float[] wide = new float[map.Count], back = new float[place.Positions], gradient = new float[map.Count];
        int[] order = new int[place.Positions];
        int hidden = (int)((1 - Area) * place.Positions);

        for (int t = 0; t < Steps; t++)
        {
            question.ThrowIfCancelled();
            bool mirrored = Mirror && t % 2 == 0;
            NdArray seen = Seen();
            (_, NdArray slope) = pictures.GradientAt(mirrored ? Mirrored(seen, place) : seen);
            if (mirrored) slope = Mirrored(slope, place);
            double weight = AreaWeight * Math.Pow(AreaGrowth, t);
            for (int r = 0; r < masks.Length; r++)
            {
                Slope(r, slope, back);
                for (int p = 0; p < back.Length; p++) back[p] = (float)(-back[p] / units[r]);
                Rank(pixels[r], order);
                for (int k = 0; k < order.Length; k++) back[order[k]] += (float)(2 * weight / order.Length * (pixels[r][order[k]] - (k < hidden ? 0 : 1)));
                map.Reduce(back, wide);
                widening.Back(masks[r], wide, gradient);
                for (int k = 0; k < gradient.Length; k++)
                {
                    speeds[r][k] = (float)(Momentum * speeds[r][k] + (1 - Momentum) * gradient[k]);
                    masks[r][k] = (float)Math.Clamp(masks[r][k] - rate * speeds[r][k], 0, 1);
                }
            }
            question.Report(t + 1, Steps);
        }
        Show();
        double[] areas = [.. pixels.Select(p => p.Sum(v => (double)v) / p.Length)];
        int[] missed = [.. Enumerable.Range(0, areas.Length).Where(r => Math.Abs(areas[r] - Area) > Missed * Area)];
        return new MethodResult(place.Spread(question.Inputs, pixels), prediction)
        {
            Remarks = missed.Length == 0 ? [] : [$"The mask of {Diagnosis.Rows(missed)} shows {areas[missed[0]]:P1} of the picture, where {Area:P1} were asked for. Take more steps (--set steps={2L * Steps}), smaller blobs (--set sigma=...), or a larger area."],
        };

        void Show()
        {
            for (int r = 0; r < masks.Length; r++)
            {
                widening.Widen(masks[r], wide);
                map.Enlarge(wide, pixels[r]);
            }
        }

        NdArray Seen()
        {
            Show();
            NdArray seen = levels[0].Copy();
            for (int r = 0; r < masks.Length; r++)
                // Of each step from one level to the next, as much as the mask has passed.
                for (int l = 0; l < steps.Length; l++)
                {
                    for (int p = 0; p < back.Length; p++) back[p] = Math.Clamp(pixels[r][p] * steps.Length - l, 0, 1);
                    place.Mix(pictures.Row(steps[l], r), pictures.Row(seen, r), back, pictures.Row(seen, r));
                }
            return seen;
        }

        void Slope(int r, NdArray upstream, float[] sums)
        {
            float[] own = new float[sums.Length];
            Array.Clear(sums);
            for (int l = 0; l < steps.Length; l++)
            {
                place.SumProducts(pictures.Row(upstream, r), pictures.Row(steps[l], r), own);
                for (int p = 0; p < sums.Length; p++)
                    if ((int)Math.Clamp(pixels[r][p] * steps.Length, 0, steps.Length - 1) == l) sums[p] += own[p] * steps.Length;
            }
        }
    }

    /// <summary>What a pixel is, from hidden to shown.</summary>
    private NdArray[] LevelsOf(Pictures pictures)
    {
        NdArray present = pictures.Present;
        if (Baseline is { } given) return [pictures.Resolve(given, Name), present];
        if (pictures.Place.Interleaved)
            throw new InvalidOptionException("The channels of this picture lie side by side, and it is blurred in planes. Give a baseline instead (--baseline 0, or a file).");
        double most = MostBlur * pictures.Side;
        return [.. Enumerable.Range(0, Levels).Select(l => l == Levels - 1 ? present
            : GaussianBlur.Planes(present, pictures.Place.Height, pictures.Place.Width, most * (1 - l / (Levels - 1.0))))];
    }

    /// <summary>The pixels from the least to the most shown; of equals the first first.</summary>
    private static void Rank(float[] pixels, int[] order)
    {
        var keys = new long[pixels.Length];
        for (int p = 0; p < keys.Length; p++) keys[p] = (long)BitConverter.SingleToInt32Bits(Math.Max(0, pixels[p])) << 32 | (uint)p; // bits of positive numbers are in their order
        Array.Sort(keys);
        for (int k = 0; k < keys.Length; k++) order[k] = (int)(keys[k] & uint.MaxValue);
    }

    private static NdArray Mirrored(NdArray pictures, PicturePlace place)
    {
        NdArray mirrored = NdArray.Create(ElementType.Float, pictures.Dims.ToArray());
        int inner = place.Interleaved ? place.Channels : 1, line = place.Width * inner;
        for (int e = 0; e < mirrored.Length; e++) mirrored.Floats[e] = pictures.Floats[e / line * line + (place.Width - 1 - e % line / inner) * inner + e % inner];
        return mirrored;
    }
}
