# docker build -t sluice .     The image holds nothing but one static program and an empty /data.
FROM debian:12-slim AS binary
RUN apt-get update && apt-get install -y --no-install-recommends g++ make libcrypt-dev
COPY . /src
RUN make -C /src static && mkdir -p /out/volumes/data && mv /src/build/sluice-static /out/sluice

FROM scratch
COPY --from=binary /out/sluice /sluice
# Nobody by number, as there is no /etc/passwd; a volume that is new takes its owner from here.
COPY --from=binary --chown=65534:65534 /out/volumes /
USER 65534:65534
WORKDIR /data
EXPOSE 55555
ENTRYPOINT ["/sluice"]
CMD ["serve", "--chat", "0.0.0.0:55555"]
