using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Games;

/// <summary>The players of rows that hold pictures: superpixels, to which all channels of a pixel belong.</summary>
/// <remarks>
/// The picture is brought to 0 to 1 before it is divided: by the range of the data where that is known (<see cref="ExplainOptions.Range"/>), otherwise by its own smallest
/// and largest value. The number of segments is a wish: SLIC comes near it, the grid too; Felzenszwalb's regions are joined until they are at most as many, and quick shift
/// has a kernel of an eighth of the side of an average segment and takes what it finds. Of several inputs each picture is divided on its own; the elements of the others are players each.
/// </remarks>
internal static class PicturePlayers
{
    private const int FewElements = 64;

    /// <summary>The players of a row without a mask.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="row">The tensors of the row.</param>
    /// <param name="features">What the features of a picture are.</param>
    /// <param name="segments">About how many segments a picture has.</param>
    /// <param name="stays">Which tensors always stay.</param>
    /// <exception cref="InvalidOptionException">The number of segments is not positive, or there is no picture to divide.</exception>
    public static Players Of(Question question, IReadOnlyList<NdArray> row, PlayerKind features, int segments, Func<int, bool> stays)
    {
        if (segments < 1) throw new InvalidOptionException($"The option 'segments' must be at least 1, and {segments} was given.");
        bool Divided(int i) => question.Places.Count == 0 && !stays(i) && row[i].Type.IsFloating() && row[i].Rank == 4 && row[i].Length > (features == PlayerKind.Auto ? FewElements : 0);
        if (features == PlayerKind.Elements || !Enumerable.Range(0, row.Count).Any(Divided))
            return features is PlayerKind.Auto or PlayerKind.Elements ? Players.Elements(row, stays)
                : throw new InvalidOptionException($"The option 'features' is {OptionText.Kebab(features.ToString())}, which divides pictures [N,C,H,W], and what is explained has the shape {string.Join(", ", row.Select(r => NdArray.Describe(r.Dims)))}. Leave it away, or group features with a mask.");

        var of = new int[row.Count][];
        var names = new List<string>();
        var trees = new List<Hierarchy>();
        for (int i = 0; i < of.Length; i++)
        {
            of[i] = new int[row[i].Length];
            int first = names.Count;
            if (stays(i)) Array.Fill(of[i], -1);
            else if (Divided(i))
            {
                PicturePlace place = PicturePlace.Picture(question.Model, row[i], i);
                NdArray picture = place.Planes(Scaled(row[i], question.Range?.Of(i)));
                int[] labels = Divide(picture, features, segments);
                place.Spread<int>(Array.ConvertAll(labels, l => first + l), of[i]);
                var regions = new Regions(labels, picture);
                trees.Add(regions.Tree());
                names.AddRange(regions.Centres.Select((c, k) => $"segment {first + k} (at {c.X}, {c.Y})"));
            }
            else
            {
                for (int e = 0; e < of[i].Length; e++) of[i][e] = first + e;
                trees.Add(Hierarchy.Halving(of[i].Length));
                names.AddRange(Enumerable.Range(first, of[i].Length).Select(k => $"feature {k}"));
            }
        }
        return new Players(of, names.Count) { Names = names, Hierarchy = Joined(trees) };
    }

    /// <summary>The segment of each pixel of a picture [C,H,W] of the range 0 to 1.</summary>
    public static int[] Divide(NdArray picture, PlayerKind features, int segments)
    {
        (int height, int width) = (picture.Dims[1], picture.Dims[2]);
        double side = Math.Sqrt((double)height * width / segments), lightness = picture.Dims[0] == 3 ? 1 : 0.01; // CIELAB goes to 100
        switch (features)
        {
            case PlayerKind.Grid:
                return Segmentation.Grid(height, width, Math.Clamp((int)Math.Round(height / side), 1, height), Math.Clamp((int)Math.Round(width / side), 1, width));
            case PlayerKind.Quickshift:
                double kernel = Math.Max(1, side / 8);
                return Segmentation.Quickshift(picture, 0.2 / lightness, kernel, 50 * kernel);
            case PlayerKind.Felzenszwalb:
                int smallest = Math.Max(1, (int)(side * side / 4));
                for (double scale = 25; ; scale *= 2)
                {
                    int[] labels = Segmentation.Felzenszwalb(picture, scale, minimumSize: smallest);
                    if (labels.Max() < segments || !double.IsFinite(4 * scale)) return labels;
                }
            default:
                return Segmentation.Slic(picture, segments, 10 * lightness);
        }
    }

    private static NdArray Scaled(NdArray row, (float[] Low, float[] High)? range)
    {
        (float smallest, float largest) = (float.PositiveInfinity, float.NegativeInfinity);
        foreach (float v in row.Floats) (smallest, largest) = (Math.Min(smallest, v), Math.Max(largest, v));
        NdArray scaled = NdArray.Create(ElementType.Float, row.Dims.ToArray());
        for (int e = 0; e < row.Length; e++)
        {
            (float low, float high) = range is { } r && float.IsFinite(r.High[e] - r.Low[e]) ? (r.Low[e], r.High[e]) : (smallest, largest);
            scaled.Floats[e] = high > low ? Math.Clamp((row.Floats[e] - low) / (high - low), 0, 1) : 0;
        }
        return scaled;
    }

    /// <summary>Trees over consecutive players as one, joined in their order.</summary>
    private static Hierarchy Joined(List<Hierarchy> trees)
    {
        int players = trees.Sum(t => t.Players), first = 0, root = -1;
        List<(int, int)> joins = [];
        foreach (Hierarchy tree in trees.Where(t => t.Players > 0))
        {
            int leaf = first, inner = players + joins.Count - tree.Players;
            int Node(int n) => n < tree.Players ? leaf + n : inner + n;
            foreach (var (left, right) in tree.Joins) joins.Add((Node(left), Node(right)));
            int own = Node(tree.Root);
            if (root >= 0) joins.Add((root, own));
            root = root < 0 ? own : players + joins.Count - 1;
            first += tree.Players;
        }
        return new Hierarchy(players, joins);
    }
}
