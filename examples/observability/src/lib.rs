//! The wiring to a collector: the one piece of a program that knows OpenTelemetry.

use anyhow::Result;
use opentelemetry::{
    metrics::{Meter, MeterProvider},
    trace::TracerProvider,
};
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider, trace::SdkTracerProvider};
use tracing::{Level, Subscriber};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, registry};

/// What goes to the collector.
#[derive(Debug)]
pub struct Telemetry {
    spans: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Telemetry {
    /// Begins to send to a collector, such as `http://localhost:4318`.
    ///
    /// # Errors
    /// When its URL is none.
    pub fn start(collector: &str) -> Result<Self> {
        let resource = Resource::builder().with_service_name("observability-example").build();
        let spans = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(format!("{collector}/v1/traces"))
            .build()?;
        let metrics = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpJson)
            .with_endpoint(format!("{collector}/v1/metrics"))
            .build()?;
        Ok(Self {
            spans: SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_batch_exporter(spans)
                .build(),
            metrics: SdkMeterProvider::builder()
                .with_resource(resource)
                .with_periodic_exporter(metrics)
                .build(),
        })
    }

    /// What listens to spans and events: those of tokens at debug level, everything else from info on.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let levels = Targets::new()
            .with_default(Level::INFO)
            .with_target("entra_token_acquisition", Level::DEBUG)
            // What carries the spans away makes none itself.
            .with_targets([("opentelemetry", Level::ERROR), ("hyper_util", Level::ERROR)]);
        registry().with(levels).with(tracing_opentelemetry::layer().with_tracer(self.spans.tracer("entra")))
    }

    /// For the acquirer's builder.
    pub fn meter(&self) -> Meter {
        self.metrics.meter("entra")
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// When the collector did not take it.
    pub fn stop(self) -> Result<()> {
        self.spans.shutdown()?;
        self.metrics.shutdown()?;
        Ok(())
    }
}
