using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Reports;

/// <summary>Draws attributions as colours, alone or over the picture that they explain.</summary>
/// <remarks>
/// A value v gets the colour of v / limit, where limit is the percentile (nearest rank) of the |values| that are finite; if that is zero because
/// nearly all values are, limit is the maximum of |values|. Over a picture, which is first turned grey so that every colour belongs to the map, the opacity is
/// <c>Opacity · √(|v| / limit)</c> on the diverging scale and <c>Opacity · v / limit</c> on the sequential one. Equal inputs give equal bytes.
/// </remarks>
public static class HeatMap
{
    /// <summary>Draws the map of one row: shape [H, W], [C, H, W] or either with leading dimensions of 1.</summary>
    /// <param name="map">The attributions of one row.</param>
    /// <param name="background">The picture to draw over; the map is brought to its size. Without one, the map keeps its own size.</param>
    /// <param name="options">How to draw; the defaults when null.</param>
    /// <exception cref="ShapeMismatchException">The map has another shape, or a dimension of zero.</exception>
    /// <exception cref="InvalidOptionException">An option is out of range.</exception>
    public static HeatMapResult Render(Tensor<float> map, Image? background = null, HeatMapOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(map);
        ReadOnlySpan<nint> shape = map.Lengths;
        while (shape.Length > 3 && shape[0] == 1)
        {
            shape = shape[1..];
        }

        if (shape.Length is not (2 or 3))
        {
            throw new ShapeMismatchException(
                $"A heat map is drawn from one row of shape [H, W] or [C, H, W]; got [{string.Join(", ", map.Lengths.ToArray())}]. Draw a batch row by row.");
        }

        float[] values = new float[map.FlattenedLength];
        map.FlattenTo(values);
        return Render(values, shape.Length == 3 ? (int)shape[0] : 1, (int)shape[^2], (int)shape[^1], background, options);
    }

    /// <summary>Draws a map of <paramref name="channels"/> · <paramref name="height"/> · <paramref name="width"/> values in that order.</summary>
    /// <param name="values">The map, channel by channel, row by row.</param>
    /// <param name="channels">C; several channels are reduced to one by <see cref="HeatMapOptions.Reduction"/>.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <param name="background">The picture to draw over; the map is brought to its size. Without one, the map keeps its own size.</param>
    /// <param name="options">How to draw; the defaults when null.</param>
    /// <exception cref="ShapeMismatchException">A dimension is zero, or their product is not the number of values.</exception>
    /// <exception cref="InvalidOptionException">An option is out of range.</exception>
    public static HeatMapResult Render(
        ReadOnlySpan<float> values, int channels, int height, int width, Image? background = null, HeatMapOptions? options = null)
    {
        options ??= new HeatMapOptions();
        options.Validate();
        if (channels < 1 || height < 1 || width < 1 || (long)channels * height * width != values.Length)
        {
            throw new ShapeMismatchException($"A heat map of shape [{channels}, {height}, {width}] cannot be made of {values.Length} values.");
        }

        float[] map = Reduce(values, channels, height * width, options.Reduction);
        Statistics statistics = Statistics.Of(map, options.Percentile);
        bool diverging = options.Scale == HeatMapScale.Diverging || (options.Scale == HeatMapScale.Automatic && statistics.Minimum < 0);
        HeatMapFlags flags = statistics.Flags | (!diverging && statistics.Minimum < 0 ? HeatMapFlags.NegativeHidden : HeatMapFlags.None);

        int pictureWidth = background?.Width ?? width, pictureHeight = background?.Height ?? height;
        float[] shown = Resampling.Resize(map, height, width, pictureHeight, pictureWidth);
        Rgb[] pixels = Colour(shown, statistics.Limit, diverging, background, options.Opacity);

        int longest = Math.Max(pictureWidth, pictureHeight);
        int times = longest >= options.MinimumSize ? 1 : (Math.Max(options.MinimumSize, 256) + longest - 1) / longest;
        Image picture = options.ColorBar
            ? ColorBar.Beside(pixels, pictureWidth, times, diverging, statistics.Limit)
            : Enlarge(pixels, pictureWidth, times);
        return new HeatMapResult(
            picture, flags, diverging, statistics.Limit, statistics.Minimum, statistics.Maximum, statistics.NonFiniteCount)
        {
            Remarks = Remarks(flags, map.Length, statistics),
        };
    }

    private static float[] Reduce(ReadOnlySpan<float> values, int channels, int pixels, ChannelReduction reduction)
    {
        float[] map = new float[pixels];
        for (int i = 0; i < pixels; i++)
        {
            double total = 0;
            for (int c = 0; c < channels; c++)
            {
                double value = values[(c * pixels) + i];
                total = reduction switch
                {
                    ChannelReduction.Sum => total + value,
                    ChannelReduction.SumOfAbsolutes => total + Math.Abs(value),
                    _ => Math.Max(total, Math.Abs(value)), // Math.Max returns NaN if either is NaN
                };
            }

            map[i] = (float)total;
        }

        return map;
    }

    private static Rgb[] Colour(float[] map, double limit, bool diverging, Image? background, double opacity)
    {
        var pixels = new Rgb[map.Length];
        for (int i = 0; i < map.Length; i++)
        {
            double t = !float.IsFinite(map[i]) ? double.NaN : limit > 0 ? map[i] / limit : 0;
            Rgb colour = diverging ? Palette.Diverging(t) : Palette.Sequential(t);
            pixels[i] = background is null ? colour : Blend(Grey(background, i, diverging), colour, Alpha(t, diverging, opacity));
        }

        return pixels;
    }

    private static double Alpha(double t, bool diverging, double opacity) =>
        opacity * (double.IsNaN(t) ? 1 : diverging ? Math.Sqrt(Math.Min(1, Math.Abs(t))) : Math.Clamp(t, 0, 1));

    // Towards white under a diverging map and towards black under a sequential one, because that is where each map has its zero.
    private static Rgb Grey(Image picture, int pixel, bool diverging)
    {
        ReadOnlySpan<byte> channels = picture.Pixels.AsSpan(picture.Channels * pixel, picture.Channels);
        double luma = channels.Length == 1 ? channels[0] : (0.299 * channels[0]) + (0.587 * channels[1]) + (0.114 * channels[2]);
        if (channels.Length == 4)
        {
            luma = 255 + ((luma - 255) * channels[3] / 255); // over white
        }

        byte level = (byte)Math.Round(diverging ? 60 + (luma * 195 / 255) : luma * 0.85);
        return new Rgb(level, level, level);
    }

    private static Rgb Blend(Rgb below, Rgb above, double alpha)
    {
        return new Rgb(Mix(below.Red, above.Red), Mix(below.Green, above.Green), Mix(below.Blue, above.Blue));

        byte Mix(byte a, byte b) => (byte)Math.Round(a + (alpha * (b - a)));
    }

    private static Image Enlarge(Rgb[] pixels, int width, int times)
    {
        var canvas = new Canvas(width * times, pixels.Length / width * times, default);
        canvas.Paste(pixels, width, times);
        return canvas.ToImage();
    }

    private static List<string> Remarks(HeatMapFlags flags, int count, Statistics statistics)
    {
        List<string> remarks = [];
        if (flags.HasFlag(HeatMapFlags.NothingFinite))
        {
            remarks.Add("No value of this map is finite, so there is nothing to draw: it is uniformly grey.");
        }
        else if (flags.HasFlag(HeatMapFlags.NonFinite))
        {
            remarks.Add($"{statistics.NonFiniteCount} of {count} values are NaN or infinite; they are drawn in grey and left out of the colour scale.");
        }

        if (flags.HasFlag(HeatMapFlags.AllZero))
        {
            remarks.Add("All values of this map are zero: the method found no influence of any pixel, or no signal reached the input.");
        }

        if (flags.HasFlag(HeatMapFlags.Constant))
        {
            remarks.Add($"All values of this map are the same ({NumberText.Printed(statistics.Minimum)}), so it does not tell one pixel from another.");
        }

        if (flags.HasFlag(HeatMapFlags.NegativeHidden))
        {
            remarks.Add($"Values down to {NumberText.Printed(statistics.Minimum)} are negative and look like zero on this scale.");
        }

        return remarks;
    }

    /// <summary>What a map's colours depend on.</summary>
    private readonly record struct Statistics(double Limit, double Minimum, double Maximum, int NonFiniteCount, HeatMapFlags Flags)
    {
        public static Statistics Of(ReadOnlySpan<float> map, double percentile)
        {
            var magnitudes = new List<float>(map.Length);
            double minimum = double.PositiveInfinity, maximum = double.NegativeInfinity;
            foreach (float value in map)
            {
                if (float.IsFinite(value))
                {
                    magnitudes.Add(Math.Abs(value));
                    minimum = Math.Min(minimum, value);
                    maximum = Math.Max(maximum, value);
                }
            }

            int nonFinite = map.Length - magnitudes.Count;
            if (magnitudes.Count == 0)
            {
                return new Statistics(0, double.NaN, double.NaN, nonFinite, HeatMapFlags.NonFinite | HeatMapFlags.NothingFinite);
            }

            magnitudes.Sort();
            int rank = Math.Clamp((int)Math.Ceiling(percentile / 100 * magnitudes.Count), 1, magnitudes.Count);
            float limit = magnitudes[rank - 1] > 0 ? magnitudes[rank - 1] : magnitudes[^1];
            HeatMapFlags flags = nonFinite > 0 ? HeatMapFlags.NonFinite : HeatMapFlags.None;
            flags |= limit == 0 ? HeatMapFlags.AllZero : HeatMapFlags.None;
            flags |= limit > 0 && minimum == maximum && map.Length > 1 ? HeatMapFlags.Constant : HeatMapFlags.None;
            flags |= magnitudes[^1] > limit ? HeatMapFlags.Clipped : HeatMapFlags.None;
            return new Statistics(limit, minimum, maximum, nonFinite, flags);
        }
    }
}
